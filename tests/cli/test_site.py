"""``vdsr site`` as a user meets it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.cli.site import commands_page
from vdsr_lib.suite import site


@pytest.mark.parametrize("problems", [(), ("docs/a.md:3: WARNING: no such place",)])
def test_the_site_is_named_with_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problems: tuple[str, ...]
) -> None:
    asked = []

    def build_site(*where: Path, commands: str) -> site.Site:
        asked.append((*where, commands.partition("\n")[0]))
        return site.Site(tmp_path / "index.html", problems, ("00_a.ipynb",))

    monkeypatch.setattr(site, "build_site", build_site)
    folders = ["--results", "ran", "--output", "here"]
    result = CliRunner().invoke(app, ["site", *folders])
    assert asked == [(Path("ran"), Path("here"), "# The commands")]
    assert result.exit_code == len(problems)
    assert result.output.splitlines() == [
        "not run yet: 00_a.ipynb",
        f"wrote {tmp_path / 'index.html'}",
        *problems,
        f"problems: {len(problems)}",
    ]


def test_every_command_has_its_section() -> None:
    program = typer.main.get_command(app)
    page = commands_page(program)
    sections = set(re.findall(r"^##+ `vdsr (.*)`$", page, re.MULTILINE))
    commands = program.commands
    groups = {n: c.commands for n, c in commands.items() if hasattr(c, "commands")}
    inner = {f"{group} {name}" for group, names in groups.items() for name in names}
    assert {"reproduce", "site", "experiments run"} <= sections
    assert sections == set(commands) | inner
    assert "...\n" not in re.sub(r"\$ .*", "", page)  # no summary is cut short
