"""What the program says when something is wrong with the machine, not the options."""

from __future__ import annotations

import errno
import os
import sys

import pytest

import vdsr_lib.cli
from vdsr_lib.cli import main


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


def test_an_absent_extra_is_named_with_the_way_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    monkeypatch.setattr(sys, "argv", ["vdsr", "notebooks"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("vdsr: the package nbformat is not installed; ")
    assert 'pip install ".[notebooks]"' in text


def test_a_broken_library_keeps_its_traceback(monkeypatch, capsys):
    error = ModuleNotFoundError("No module", name="vdsr_lib.gone")
    with pytest.raises(ModuleNotFoundError):
        said(monkeypatch, capsys, error)
