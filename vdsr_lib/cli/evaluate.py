"""``vdsr evaluate``: PSNR and SSIM under the paper's protocol, beside the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdsr_lib.cli._options import (
    Device,
    Model,
    Scales,
    Tile,
    numbers,
    require_target,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate"]


def evaluate(
    model: Model = "vdsr",
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="A set ('vdsr data list') or a folder; may be repeated. "
            "Default: embedded-test."
        ),
    ] = None,
    scales: Scales = "2,3,4",
    device: Device = "auto",
    tile: Tile = None,
    precision: Annotated[
        str,
        typer.Option(
            help="float32, in which recorded numbers are measured; auto and bfloat16 "
            "may be faster, and move a mean by 0.005 dB at most (residual VDSRs)."
        ),
    ] = "float32",
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Print each picture's line too.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Write each picture's line to this file.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file of --csv.")
    ] = False,
) -> None:
    """Measure a network, or bicubic, and print its table beside the paper's.

    Of weights that ship with the project, what was recorded of them stands there too.
    """
    import pandas as pd

    from vdsr_lib._files import write_atomically
    from vdsr_lib.cli._networks import network_named
    from vdsr_lib.datasets import load_images
    from vdsr_lib.evaluation import evaluate as measure

    factors = numbers("--scales", scales)
    if csv is not None:
        require_target(csv, replace=force)
    sets = {name: load_images(name) for name in data or ["embedded-test"]}
    network = network_named(model)
    tables = []
    for name, images in sets.items():
        table = measure(
            network,
            images,
            factors,
            device=device,
            tile=tile,
            precision=precision,
            progress=True,
        )
        _print(table, name, model, pictures=pictures)
        tables.append(table.assign(data=name))
    if csv is not None:
        write_atomically(csv, pd.concat(tables).to_csv(index=False))


def _print(table: pd.DataFrame, data: str, model: str, *, pictures: bool) -> None:
    """Print the means beside the paper's, and each picture's values if wanted."""
    from vdsr_lib.cli._networks import what_was_used
    from vdsr_lib.evaluation import beside_paper, means

    if pictures:
        forms = {"psnr": "{:.3f}".format, "ssim": "{:.4f}".format}
        typer.echo(table.to_string(index=False, formatters=forms) + "\n")
    compared = beside_paper(table, data)
    printed = {method: f"paper's {method}" for method in compared.columns[1:]}
    compared = compared.rename(columns={"here": "measured", **printed})
    noted = [_recorded(model, data, scale) for scale in compared.index]
    if any(noted):
        compared.insert(1, "recorded", noted)
    compared["seconds"] = means(table)["seconds"].map("{:.3f}".format)
    count = table["image"].nunique()
    source = ", beside the paper's Table 3" if printed else ""
    used = what_was_used(model, compared.index)
    typer.echo(f"{data}, {count} pictures: mean PSNR/SSIM of {used}{source}")
    typer.echo(compared.reset_index().to_string(index=False))


def _recorded(model: str, data: str, scale: float) -> str:
    """Return what the card of a network states for a set and a scale, or nothing."""
    from vdsr_lib.errors import WeightsError
    from vdsr_lib.weights import read_card

    try:
        card = read_card(model, scale=scale)
    except WeightsError:  # bicubic, or a file of the authors
        return ""
    psnr, ssim = (
        _stated(card.get(measure), data, scale) for measure in ("scores", "ssim")
    )
    return "" if psnr is None or ssim is None else f"{psnr:.2f}/{ssim:.4f}"


def _stated(scores: object, data: str, scale: float) -> float | None:
    """Return a number of a card, which may hold anything under any name."""
    for name in (data.lower(), f"x{scale:g}"):
        named = scores.items() if isinstance(scores, dict) else ()
        scores = next((value for key, value in named if key.lower() == name), None)
    return scores if isinstance(scores, (int, float)) else None
