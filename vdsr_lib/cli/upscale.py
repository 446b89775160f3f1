"""``vdsr upscale``: enlarge a picture file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdsr_lib.cli._options import Device, Model, Tile, require_target

__all__ = ["upscale"]


def upscale(
    source: Annotated[Path, typer.Argument(help="The picture to enlarge.")],
    target: Annotated[
        Path, typer.Argument(help="The picture to write: .png, .tif, .bmp or .jpg.")
    ],
    scale: Annotated[float, typer.Option(help="From 1.1 to 8.")] = 2,
    model: Model = "vdsr",
    device: Device = "auto",
    tile: Tile = None,
    precision: Annotated[
        str,
        typer.Option(
            help="auto: bfloat16 where that is faster and as good; else float32."
        ),
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace TARGET.")] = False,
) -> None:
    """Enlarge a picture by any scale: luma by a network, colour and alpha bicubically.

    'vdsr upscale photo.jpg out.png --scale 3' uses the best VDSR that ships.
    """
    from vdsr_lib import upscaling
    from vdsr_lib.cli._networks import network_named, what_was_used
    from vdsr_lib.images import check_target, read_picture, write_picture

    require_target(target, replace=force)
    picture = read_picture(source)
    check_target(target, alpha=picture.alpha is not None)
    larger = upscaling.upscale(
        picture,
        scale,
        model=network_named(model),
        device=device,
        tile=tile,
        precision=precision,
    )
    write_picture(target, larger.pixels, larger.alpha)
    height, width = larger.pixels.shape[:2]
    used = what_was_used(model, [scale])
    typer.echo(f"{target}: {width} x {height} pixels, by {used}")
