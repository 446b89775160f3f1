"""``vdsr train``: train a network, go on after any interruption, save its weights."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdsr_lib.cli._options import (
    INTERRUPTED,
    Device,
    Scales,
    numbers,
    require_target,
)
from vdsr_lib.errors import LabError

if TYPE_CHECKING:
    from vdsr_lib.models import SRCNN, VDSR
    from vdsr_lib.patches import Augmentation
    from vdsr_lib.training import History, TrainingConfig

__all__ = ["train"]

_RECIPES = ("paper", "review", "srcnn", "modern")
_SRCNN_KERNELS = {
    "srcnn": (9, 1, 5),
    "srcnn-915": (9, 1, 5),
    "srcnn-935": (9, 3, 5),
    "srcnn-955": (9, 5, 5),
}
_SRCNN_PATCH = 33  # SRCNN's paper; its receptive field is 13
_GENTLE = 1e-4  # what has been learnt is kept: docs/your_own.md
_FEW = 10  # epochs that go on from weights which are good already


def train(
    network: Annotated[
        str | None,
        typer.Option(
            help="vdsr (the default), srcnn-915 (or just srcnn), srcnn-935, srcnn-955."
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Layers of VDSR. Default and paper: 20.")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Maps of VDSR. Default and paper: 64.")
    ] = None,
    residual: Annotated[
        bool | None,
        typer.Option(
            "--residual/--no-residual",
            help="VDSR predicts the residual (the default), or the picture itself.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Weights to go on from: a network that ships, or a file."),
    ] = None,
    data: Annotated[
        str, typer.Option(help="Training pictures: a set ('vdsr data list') or folder.")
    ] = "embedded-train",
    scales: Scales = "2,3,4",
    patch_size: Annotated[
        int | None,
        typer.Option(help="Pixels. Default: the receptive field; SRCNN: 33."),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(help="Pixels from patch to patch. Default: no overlap."),
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="All 8 flips and rotations of each patch.")
    ] = False,
    flips: Annotated[
        bool, typer.Option("--flips", help="The 4 flips alone: what Figure 4 fits.")
    ] = False,
    validate: Annotated[
        str, typer.Option(help="Pictures to measure after each epoch, or none.")
    ] = "embedded-test",
    recipe: Annotated[
        str | None,
        typer.Option(
            help="paper, review, srcnn or modern (Adam, a cosine, averaged weights). "
            "Default: the network's own; with --start modern, at a tenth of its rate."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Default and paper: 80; with --start and no --recipe 10, since little "
            "is left to learn."
        ),
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="End earlier.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="The paper: 64.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The paper: 0.1.")] = None,
    clipping: Annotated[
        str | None, typer.Option(help="adjustable (the paper), value, norm or none.")
    ] = None,
    theta: Annotated[
        float | None, typer.Option(help="Limit of the clip; authors' code: 1e-4.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and order of patches.")] = 0,
    run_dir: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints; none without it.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --run-dir.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Weights to write: FILE.safetensors.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace the file of --output, as a resumed run does."
        ),
    ] = False,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, bfloat16, float32.")] = "auto",
) -> None:
    """Train a network as the paper does.

    Ctrl-C ends after the current step; with --run-dir the same command and --resume
    goes on to the same weights. On several devices:
    'torchrun --nproc-per-node=2 -m vdsr_lib train ...'.
    """
    import vdsr_lib.training
    from vdsr_lib.devices import choose_precision, describe_machine, resolve_device
    from vdsr_lib.patches import PatchSet

    _check_places(output, run_dir, resume=resume, force=force)
    factors = numbers("--scales", scales)
    orientations = _orientations(augment=augment, flips=flips)
    config = _config(
        recipe,
        network=network,
        start=start,
        epochs=epochs,
        max_steps=max_steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        clipping=clipping,
        theta=theta,
        seed=seed,
    )
    shape = {"network": network, "depth": depth, "width": width, "residual": residual}
    model, origin = _beginning(start, shape, recipe=recipe, seed=seed)
    if run_dir is not None and _is_first():
        _remember(run_dir, origin)
    # A mistake is named before the long work; no GPU is begun with, as under torchrun
    # each process has its own, and that is decided later.
    resolve_device(device)
    choose_precision("cpu", precision)
    watch = _validator(validate, factors, device)
    patches = PatchSet.from_images(
        _pictures(data),
        factors,
        patch_size=_usual_patch(model) if patch_size is None else patch_size,
        stride=stride,
        augment=orientations,
    )
    _say(f"{model}\n{patches}")
    history = vdsr_lib.training.train(
        model,
        patches,
        config,
        validate=watch,
        run_dir=run_dir,
        resume=resume,
        device=device,
        precision=precision,
    )
    _say(history.to_frame().to_string(index=False, float_format="{:.6g}".format))
    if not history.finished:
        way = "without --run-dir nothing was kept"
        if run_dir is not None:
            way = "the same command with --resume goes on"
        _say(f"stopped before the end; {way}")
        raise typer.Exit(INTERRUPTED)
    if output is not None and _is_first():
        machine = describe_machine(device)
        facts = {"data": data, **({"start": origin} if origin else {})}
        _save(model, output, facts, config=config, history=history, machine=machine)


def _check_places(
    output: Path | None, run_dir: Path | None, *, resume: bool, force: bool
) -> None:
    """Refuse, before the long work, what could not be kept or would be lost."""
    from vdsr_lib.training.run_folder import holds_run

    if resume and run_dir is None:
        raise ValueError("--resume needs the --run-dir that it is to go on from")
    if run_dir is not None and _is_first():
        _require_folder(run_dir, resume=resume)
    if output is not None:
        if output.suffix != ".safetensors":
            raise ValueError(f"--output must end in .safetensors, got {output}")
        goes_on = run_dir is not None and resume and holds_run(run_dir)
        require_target(output, replace=force or goes_on)


def _orientations(*, augment: bool, flips: bool) -> Augmentation:
    """Return in which orientations an epoch holds each patch."""
    if augment and flips:
        raise ValueError("an epoch has --augment or --flips, not both")
    return "flips" if flips else augment


def _require_folder(run_dir: Path, *, resume: bool) -> None:
    """Refuse a folder that cannot be written, or holds a run that is not wanted."""
    from vdsr_lib._files import require_writable
    from vdsr_lib.training.run_folder import CONFIG, holds_run

    require_writable(run_dir / CONFIG)
    if not resume and holds_run(run_dir):
        raise LabError(
            f"{run_dir} holds a run already: give --resume to go on with it, or "
            "another --run-dir"
        )


def _remember(run_dir: Path, origin: dict[str, str] | None) -> None:
    """Keep beside a run which weights it began with; refuse to go on with others."""
    from vdsr_lib._files import from_home, write_atomically
    from vdsr_lib.training.run_folder import holds_run

    file = from_home(run_dir) / "start.json"
    began, first = "fresh weights", None
    try:
        if file.exists():
            known = json.loads(file.read_text("utf-8"))
            began, first = known["weights"], known["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise LabError(f"{file} is damaged ({error}): take another --run-dir") from None
    if holds_run(run_dir) and first != (origin and origin["sha256"]):
        raise LabError(
            f"{run_dir} holds a run that began with {began}: give the same --start, or "
            "another --run-dir"
        )
    if origin is None:
        file.unlink(missing_ok=True)  # of a run that did not come about
    else:
        write_atomically(file, json.dumps(origin))


def _beginning(
    start: str | None, shape: dict[str, Any], *, recipe: str | None, seed: int
) -> tuple[Any, dict[str, str] | None]:
    """Return the network to train, and whose weights it has unless they are fresh."""
    from torch import nn

    from vdsr_lib.cli._networks import network_named, what_was_used
    from vdsr_lib.weights import weights_file

    if start is None:
        return _network(shape, recipe=recipe, seed=seed), None
    for option in (name for name, value in shape.items() if value is not None):
        raise ValueError(f"--{option} is for fresh weights: --start says what it is")
    model = network_named(start)
    if model == "srcnn":
        weights_file(start)  # refuses it, and names those of each scale
    if not isinstance(model, nn.Module):
        raise ValueError(f"--start needs the weights of one network, got {start!r}")
    sha256 = hashlib.sha256(weights_file(start).read_bytes()).hexdigest()
    return model, {"weights": what_was_used(start, [1]), "sha256": sha256}


def _network(shape: dict[str, Any], *, recipe: str | None, seed: int) -> VDSR | SRCNN:
    """Return a fresh network of some shape, whose weights the seed decides."""
    import torch

    from vdsr_lib.models import SRCNN, VDSR

    generator = torch.Generator().manual_seed(seed)
    given = {option: value for option, value in shape.items() if value is not None}
    name = given.pop("network", "vdsr")
    if name == "vdsr":
        return VDSR(**given, generator=generator)
    if name not in _SRCNN_KERNELS:
        known = ", ".join(("vdsr", *_SRCNN_KERNELS))
        raise ValueError(f"--network must be one of {known}, got {name!r}")
    for option in given:
        raise ValueError(f"--{option} is VDSR's: {name} has three layers of its own")
    # Steps as large as Adam's leave half of the paper's small filters dead.
    return SRCNN(
        _SRCNN_KERNELS[name],
        initialisation="he" if recipe == "modern" else "dong",
        generator=generator,
    )


def _usual_patch(model: VDSR | SRCNN) -> int:
    """Return the side of the patches that a network's paper takes."""
    from vdsr_lib.models import SRCNN

    return _SRCNN_PATCH if isinstance(model, SRCNN) else model.receptive_field


def _config(
    recipe: str | None, *, network: str | None, start: str | None, **changes: Any
) -> TrainingConfig:
    """Return a preset, a network's own by default, with the changes that were given."""
    from vdsr_lib.training import TrainingConfig

    if recipe is None and start is not None:
        recipe, usual = "modern", changes["learning_rate"]
        changes["learning_rate"] = _GENTLE if usual is None else usual
        changes["epochs"] = _FEW if changes["epochs"] is None else changes["epochs"]
    elif recipe is None:
        recipe = "srcnn" if network in _SRCNN_KERNELS else "paper"
    if recipe not in _RECIPES:
        raise ValueError(f"--recipe must be {', '.join(_RECIPES)}, got {recipe!r}")
    given = {name: value for name, value in changes.items() if value is not None}
    config: TrainingConfig = getattr(TrainingConfig, recipe)(**given)
    return config


def _pictures(name: str) -> Any:
    from vdsr_lib.datasets import load_images

    return load_images(name)


def _validator(name: str, scales: list[float], device: str) -> Any:
    """Return what measures the network after each epoch, on the first process."""
    if name == "none" or not _is_first():
        return None
    from vdsr_lib.evaluation import validator

    return validator(_pictures(name), scales, device)


def _is_first() -> bool:
    """Say whether this is the process that speaks, among those of torchrun."""
    # Others set RANK too; a process that torchrun did not start trains alone.
    spread = "TORCHELASTIC_RUN_ID" in os.environ
    return not spread or os.environ.get("RANK", "0") == "0"


def _say(text: str) -> None:
    if _is_first():
        typer.echo(text)


def _save(
    model: VDSR | SRCNN,
    output: Path,
    facts: dict[str, Any],
    *,
    config: TrainingConfig,
    history: History,
    machine: dict[str, Any],
) -> None:
    """Write the weights with a card that says where they come from."""
    from vdsr_lib.weights import save_model

    last = history.epochs[-1]
    scores = {k: v for k, v in last.items() if k.startswith(("psnr", "ssim"))}
    card = {
        "recipe": config.to_dict(),
        **facts,
        # JSON has no infinite number, and weights are not lost for one.
        "scores": {k: v for k, v in scores.items() if math.isfinite(v)},
        "precision": history.precision,
        "machine": machine,
        "commit": machine["commit"],
    }
    _say(f"weights: {save_model(model, output, card=card)}")
