"""What the program says when something is wrong with the machine, not the options."""

from __future__ import annotations

import errno
import io
import os
import sys
from itertools import pairwise

import pytest
import typer
from typer.testing import CliRunner

import vdsr_lib.cli
from vdsr_lib.cli import app, main


def said(monkeypatch, capsys, error: Exception) -> str:
    """Return what the program prints where a command raises `error`."""

    def command() -> None:
        raise error

    monkeypatch.setattr(vdsr_lib.cli, "app", command)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EISDIR, errno.EACCES])
def test_the_system_s_errors_name_the_file(monkeypatch, capsys, number):
    error = OSError(number, os.strerror(number), "out.png")
    assert said(monkeypatch, capsys, error) == (
        f"vdsr: out.png: {os.strerror(number)}\n"
    )


def test_a_sentence_of_a_megabyte_loses_its_middle(monkeypatch, capsys):
    """A library may put what it was given into its error, whole."""
    text = said(monkeypatch, capsys, ValueError("first " + "x" * 10**6 + " last"))
    assert text.startswith("vdsr: first xxx")
    assert text.endswith("xxx last\n")
    assert " characters are left out) ... x" in text
    assert len(text) < 5_000


def test_an_absent_extra_is_named_with_the_way_to_get_it(monkeypatch, mistake):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    text = mistake("notebooks")
    assert text.startswith("vdsr: the package nbformat is not installed; ")
    assert 'pip install ".[notebooks]"' in text


def test_a_broken_library_keeps_its_traceback(monkeypatch, capsys):
    error = ModuleNotFoundError("No module", name="vdsr_lib.gone")
    with pytest.raises(ModuleNotFoundError):
        said(monkeypatch, capsys, error)


def test_a_name_that_the_terminal_cannot_show_ends_no_work(monkeypatch):
    """As on Windows, where the output of a pipe is in an old encoding."""
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, "cp1252"))
    monkeypatch.setattr(vdsr_lib.cli, "app", lambda: typer.echo("\xe4\u5199.png"))
    main()
    assert stream.getvalue().split() == [b"\xe4\\u5199.png"]


def every_command(command, *names: str):
    """The words that lead to each command and group, with those of its own help."""
    yield names
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, *names, name)


@pytest.mark.parametrize(
    "names", [*every_command(typer.main.get_command(app))], ids=" ".join
)
def test_help_is_wrapped_for_the_terminal_and_not_as_in_the_source(names):
    """Lines of 88 in the source left single words on lines of 80.

    A line that ends a sentence may be short: the first versions of typer show no empty
    line between paragraphs.
    """
    shown = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "80"}).output
    prose = shown.partition("\N{BOX DRAWINGS LIGHT ARC DOWN AND RIGHT}")[0]
    assert "Usage: vdsr" in prose
    for line, after in pairwise(line.strip() for line in prose.splitlines()):
        if line and after and not line.endswith("."):
            assert len(f"{line} {after.split()[0]}") > 78, (line, after)


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"vdsr {version('vdsr-lib')}\n")
