"""The program as a user runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from vdsr_lib.cli import main


@pytest.fixture
def mistake(monkeypatch, capsys) -> Callable[..., str]:
    """Run the program; return the one line with which it ends, with exit status 2."""

    def run(*arguments: object, silent: bool = False) -> str:
        monkeypatch.setattr(sys, "argv", ["vdsr", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        told, said = capsys.readouterr()
        assert caught.value.code == 2
        assert not (silent and told)
        (line,) = said.splitlines()
        assert line.startswith("vdsr: ")
        return line

    return run
