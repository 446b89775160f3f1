"""``vdsr doctor``: try everything that depends on the device."""

from __future__ import annotations

from typing import Annotated

import typer

from vdsr_lib.cli._options import Device

__all__ = ["doctor"]


def doctor(
    device: Device = "auto",
    trace: Annotated[
        bool, typer.Option("--trace", help="Show where in the code a failure was.")
    ] = False,
) -> None:
    """Try everything that depends on the device, at a tiny size, in about a minute.

    Training in float32 and in the arithmetic that is chosen here, against the CPU;
    whole steps recorded on a GPU; stopping and going on; validation, use and resizing;
    a run that is kept and found again; how fast training is.

    Exit status: 1 if anything failed.
    """
    from vdsr_lib.suite.doctor import examine

    failed = 0
    for finding in examine(device):
        word = "ok" if finding.is_well else "FAILED"
        typer.echo(f"{word:7}{finding.name:18}{finding.seconds:6.1f} s  {finding.text}")
        if trace and finding.trace:
            typer.echo(finding.trace)
        failed += not finding.is_well
    if failed:
        typer.echo(f"vdsr: {failed} of these failed; --trace shows where", err=True)
    raise typer.Exit(bool(failed))
