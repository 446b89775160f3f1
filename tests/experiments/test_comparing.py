"""The page "Ours against the paper": each cell from a recording, or why it is none."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.errors import LabError
from vdsr_lib.experiments import Recording, get_experiment
from vdsr_lib.experiments.comparing import comparison_page
from vdsr_lib.experiments.known import Known
from vdsr_lib.experiments.telling import cost_text
from vdsr_lib.training import History


def recording(experiment: str, runs: dict[str, tuple[float, float, float]]):
    """A made-up recording: each run ends at these decibels on Set5."""
    declared = {run.name: run for run in get_experiment(experiment).runs("paper")}
    machine = {"cpu": "A Processor", "device": "cpu", "torch": "2", "commit": "c0ffee"}
    provenance = {"machine": machine, "precision": "bfloat16", "seconds": 5000.0}
    entries = {
        name: {
            "key": declared[name].key(),
            "declaration": declared[name].declaration(),
            "outcome": "finished",
            "provenance": provenance | {"date": "2026-01-01"},
            "command": f"vdsr made {name}",
        }
        for name in runs
    }
    rows = [
        {"run": name, "dataset": "set5", "scale": scale, "psnr": value}
        for name, values in runs.items()
        for scale, value in zip((2, 3, 4), values, strict=True)
    ]
    curves = {
        name: pd.DataFrame(
            {
                "epoch": range(81),
                "step": range(0, 810, 10),
                "psnr_x2": [values[0] - (80 - epoch) / 100 for epoch in range(81)],
            }
        )
        for name, values in runs.items()
    }
    histories = {name: History([{"epoch": 80, "step": 800}]) for name in runs}
    record = {"experiment": experiment, "runs": entries}
    return Recording(record, pd.DataFrame(rows), curves, histories)


def section(page: str, title: str) -> str:
    """The part of a page under a title."""
    (found,) = (p for p in page.split("\n## ") if p.startswith(title))
    return found


def rows(part: str) -> dict[str, list[str]]:
    """The cells of a Markdown table by the first of each row."""
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {row[0]: row[1:] for row in cells[2:]}


def test_without_recordings_every_cell_says_not_run_and_what_it_costs():
    page = comparison_page(Known([], {}))
    assert "**" not in "".join(
        line for line in page.splitlines() if line.startswith("|")
    )
    counts = re.findall(r"None of the (\d+) cells", page)
    assert counts == ["24", "42", "21", "21", "12", "48", "12", "6", "24"]
    assert "No run is recorded yet." in page
    row = rows(section(page, "Table 2:"))["x2"]
    assert row[:3] == ["37.10 / not run", "30.42 / not run", "28.43 / not run"]
    assert row[3].startswith("not run (about ")
    assert "`vdsr experiments run table2 --profile paper --only x2`" in row[3]


def test_a_recorded_run_fills_its_cells_wherever_it_stands():
    """T91 is a row of the ablation, of Table 2, of Figure 3, and of "like for like"."""
    found = recording("ablation", {"T91": (37.01, 33.30, 30.90)})
    page = comparison_page(Known([found], {}))
    ours = ["37.06 / **37.01**", "33.27 / **33.30**", "30.95 / **30.90**"]
    assert rows(section(page, "Training data"))["T91"][:3] == ours
    assert rows(section(page, "Training data"))["T91"][3] == "`vdsr made T91`"
    assert rows(section(page, "Table 2:"))["x2, x3, x4"][:3] == ours
    assert rows(section(page, "Figure 3"))["20"][:4] == [*ours, "1 of 3"]
    same = rows(section(page, "Like for like"))
    assert [same[f"x{s}"][1] for s in (2, 3, 4)] == ours
    assert same["x2"][0] == "36.34 / not run"
    assert "3 of 12 cells are measured" in section(page, "Training data")
    assert "-0.02 dB on average, from -0.05 to +0.03 dB" in page
    took = rows(section(page, "What it took"))
    assert took["ablation: T91"] == [
        *("VDSR 20", "A Processor", "bfloat16", "800", "83 min", "6250 ms"),
        "x2 37.01, x3 33.30, x4 30.90",
    ]


def test_table_1_takes_the_network_after_each_epoch():
    found = recording("table1", {"residual, rate 0.1": (37.00, 0, 0)})
    found.table.loc[found.table.scale == 2, "psnr"] = 37.0149  # the curve: 37.000
    part = section(comparison_page(Known([found], {})), "Table 1")
    first = next(line for line in part.splitlines() if line.startswith("| 0.1 | res"))
    assert first.strip("| ").split(" | ")[2:6] == [
        "36.90 / **36.30**",
        "36.64 / **36.40**",
        "37.12 / **36.60**",
        "37.05 / **37.01**",  # what the run scored, in float32 and not rounded before
    ]


def test_several_runs_of_a_depth_are_a_mean_with_its_range():
    runs = {"depth 5, run 1": (36.0, 32.0, 30.0), "depth 5, run 3": (36.2, 32.2, 30.2)}
    page = comparison_page(Known([recording("figure3", runs)], {}))
    row = rows(section(page, "Figure 3"))["5"]
    assert row[0] == "36.46 / **36.10** (36.00 to 36.20)"
    assert row[3] == "2 of 3"


def test_table_3_is_what_the_cards_say():
    def card(dataset: str, scale: str, psnr: float, ssim: float):
        return {"scores": {dataset: {scale: psnr}}, "ssim": {dataset: {scale: ssim}}}

    cards = {
        "vdsr-291": card("Set14", "x3", 29.8, 0.8321),
        "vdsr-t91": card("Set5", "x2", 37.0, 0.95),
        "srcnn-915-x4": card("Urban100", "x4", 24.41, 0.7),
        "srcnn-955-x2": card("Set5", "x2", 36.42, 0.952),
    }
    part = section(comparison_page(Known([], cards)), "Table 3")
    lines = [line.strip("| ").split(" | ") for line in part.splitlines()]
    cells = {(row[0], row[1]): row[2:] for row in lines if len(row) == 8}
    assert cells["set", "scale"][-2:] == ["`srcnn-955`", "`vdsr-t91`"]
    set14 = "29.28 / 0.8209", "not run", "29.77 / 0.8314", "29.80 / 0.8321"
    assert cells["Set14", "x3"] == [*set14, "not run", "not measured"]
    set5 = "36.66 / 0.9542", "not run", "37.53 / 0.9587", "not measured"
    assert cells["Set5", "x2"] == [*set5, "36.42 / 0.9520", "37.00 / 0.9500"]
    assert cells["Urban100", "x4"][1] == "24.41 / 0.7000"
    assert cells["Set5", "x4"][1] == "not measured"  # there are weights
    assert "2 of 24 cells are measured" in part


def test_rules_and_schedules_have_a_section_where_any_is_recorded():
    title = "Clipping rules and schedules"
    assert title not in comparison_page(Known([], {}))
    found = recording("clipping", {"norm, rate 0.01": (34.7, 32.0, 30.2)})
    part = section(comparison_page(Known([found], {})), title)
    cells = rows(part)
    assert len(cells) == 12 + 2
    assert cells["norm, rate 0.01"][:3] == ["34.70", "32.00", "30.20"]
    assert cells["norm, rate 0.01"][4] == "`vdsr made norm, rate 0.01`"
    assert cells["schedule of the review"][:4] == ["not run"] * 4


def test_decay_has_a_section_where_a_run_without_it_is_recorded():
    title = "Weight decay and small patches"
    kept = {"depth 5, decay 0.0001": (35.0, 32.0, 29.9)}
    assert title not in comparison_page(Known([recording("decay", kept)], {}))
    found = recording("decay", kept | {"depth 5, decay 0": (35.5, 32.4, 30.2)})
    cells = rows(section(comparison_page(Known([found], {})), title))
    assert len(cells) == 5
    five = ["11 x 11", "0", "35.50", "32.40", "30.20", "`vdsr made depth 5, decay 0`"]
    assert cells["depth 5, decay 0"] == five
    assert cells["depth 5, decay 0.0001"][1:3] == ["0.0001", "35.00"]
    assert cells["depth 10, decay 0"][:3] == ["21 x 21", "0", "not run"]
    assert cells["depth 5, patches of 41"][:2] == ["41 x 41", "0.0001"]


def test_a_scale_that_a_run_was_not_measured_at_is_said_to_be_so():
    """It did not diverge: Table 1 is of x2 alone."""
    found = recording("decay", {"depth 10, decay 0": (36.8, 0, 0)})
    found.table.loc[found.table.scale != 2, "psnr"] = float("nan")
    part = section(comparison_page(Known([found], {})), "Weight decay")
    cells = rows(part)["depth 10, decay 0"]
    assert cells[2:5] == ["36.80", "not measured", "not measured"]


def test_clipping_has_a_section_where_any_of_its_runs_is_recorded():
    """The paper prints no such numbers: a table of "not run" would say nothing."""
    title = "Clipping rules"
    assert title not in comparison_page(Known([], {}))
    runs = {"adjustable, rate 0.1": (34.2, 30.9, 28.8), "none, rate 0.1": (0, 0, 0)}
    found = recording("clipping_start", runs)
    wild = found.record["runs"]["none, rate 0.1"]
    wild |= {"outcome": "diverged", "message": "training diverged at step 3 (epoch 1)"}
    found.table.loc[found.table.run == "none, rate 0.1", "psnr"] = float("nan")
    norms = {
        "adjustable, rate 0.1": [0.75, 4.0, 2.5],
        "none, rate 0.1": [0.75, 2e4, float("nan")],
    }
    for name, values in norms.items():
        steps = [{"step": n, "gradient_norm": v} for n, v in enumerate(values, 1)]
        found.histories[name] = History([{"epoch": 1, "step": 3}], steps=steps)
    part = section(comparison_page(Known([found], {})), title)
    lines = [line.strip("| ").split(" | ") for line in part.splitlines()]
    cells = {(row[0], row[1]): row[2:] for row in lines if len(row) == 8}
    assert len(cells) == 2 + 12  # two lines of head
    assert cells["adjustable", "0.1"] == [
        *("34.20", "30.90", "28.80", "0.75 / 4", "step 3"),
        "`vdsr made adjustable, rate 0.1`",
    ]
    assert cells["none", "0.1"][:5] == [
        *["diverged"] * 3,
        *("0.75 / 2e+04", "diverged, step 3"),
    ]
    assert cells["norm", "0.01"][:5] == ["not run"] * 5
    assert "`vdsr experiments run clipping_start" in cells["norm", "0.01"][5]
    assert "2 of 12 runs are recorded" in part
    took = rows(section(comparison_page(Known([found], {})), "What it took"))
    wild, calm = (
        took[f"clipping_start: {name}, rate 0.1"] for name in ("none", "adjustable")
    )
    assert wild[-3:] == ["83 min", "-", "diverged"]  # three steps tell no speed
    shorter = [{"step": 1, "gradient_norm": float("inf")}]
    found.histories[name] = History([{"epoch": 1, "step": 1}], steps=shorter)
    cells = section(comparison_page(Known([found], {})), title)
    assert "| none | 0.1 | diverged | diverged | diverged | diverged |" in cells
    assert calm[-2].endswith(" ms")


def test_the_page_is_that_of_what_ships(root: Path):
    """Generated, never edited: `vdsr experiments compare` makes it again."""
    page = root / "docs" / "ours_against_the_paper.md"
    assert page.read_text(encoding="utf-8") == comparison_page()


def test_the_command_writes_and_checks(tmp_path: Path, root: Path):
    def compare(*arguments: str):
        return CliRunner().invoke(app, ["experiments", "compare", *arguments])

    assert compare("--check").exit_code == 0
    path = tmp_path / "page.md"
    assert compare("--check", "--output", str(path)).exit_code == 1
    assert compare("--output", str(path)).exit_code == 0
    assert path.read_text(encoding="utf-8") == comparison_page()
    path.write_text(path.read_text(encoding="utf-8").replace("37.06", "37.99", 1))
    stale = compare("--check", "--output", str(path))
    assert stale.exit_code == 1
    again = f"'vdsr experiments compare --output {path}'"
    assert f"{path} is out of date: run {again}" in stale.output
    path.write_bytes(b"\xff")  # no UTF-8
    assert compare("--check", "--output", str(path)).exit_code == 1


def test_the_page_in_the_home_is_found_again(tmp_path: Path, monkeypatch):
    """A shell leaves the tilde in ``--output=~/page.md`` alone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    options = ["experiments", "compare", "--output", "~/page.md"]
    assert CliRunner().invoke(app, options).exit_code == 0
    assert (tmp_path / "page.md").is_file()
    assert CliRunner().invoke(app, [*options, "--check"]).exit_code == 0


def test_the_command_keeps_out_of_an_installed_package(tmp_path: Path, monkeypatch):
    """A wheel has data/ and no docs/: a page there would be nobody's."""
    monkeypatch.setattr("vdsr_lib._files.data_file", tmp_path.joinpath)
    for more in ([], ["--check"]):
        result = CliRunner().invoke(app, ["experiments", "compare", *more])
        assert isinstance(result.exception, LabError)
        assert "no folder docs: give --output" in str(result.exception)


def test_a_set_that_is_not_measured_is_not_filled_in():
    found = recording("ablation", {"T91": (37.0, 33.0, 30.9)})
    table = found.table.assign(dataset="set14")
    other = Recording(found.record, table, found.curves, found.histories)
    page = comparison_page(Known([other], {}))
    assert rows(section(page, "Training data"))["T91"][0] == "37.06 / not measured"
    assert rows(section(page, "Figure 3"))["20"][0] == "37.06 / not measured"
    assert rows(section(page, "What it took"))["ablation: T91"][-1] == "not measured"


def test_a_run_that_diverged_is_not_said_to_be_not_run():
    """Its cells say why they are empty; its curve is shown as far as it goes."""
    name = "residual, rate 0.1"
    found = recording("table1", {name: (37.0, 33.0, 30.9)})
    found.record["runs"][name]["outcome"] = "diverged"
    found.table["psnr"] = float("nan")
    found.curves[name] = found.curves[name][:21]
    page = comparison_page(Known([found], {}))
    lines = section(page, "Table 1").splitlines()
    first = next(line for line in lines if line.startswith("| 0.1 | res"))
    assert first.strip("| ").split(" | ")[2:6] == [
        *("36.90 / **36.30**", "36.64 / **36.40**"),
        *("37.12 / diverged", "37.05 / diverged"),
    ]
    assert "2 of 24 cells are measured" in section(page, "Table 1")
    assert rows(section(page, "What it took"))[f"table1: {name}"][-1] == "diverged"


@pytest.mark.parametrize("name", ["T91", "291"])
def test_a_run_that_is_declared_otherwise_today_is_not_shown(name: str):
    found = recording("ablation", {name: (37.0, 33.0, 30.9)})
    found.record["runs"][name]["key"] = "0" * 16
    page = comparison_page(Known([found], {}))
    assert rows(section(page, "Training data"))[name][0].endswith("not run")


def test_a_run_that_two_experiments_recorded_is_found_once():
    """As the first of them has it; a number that nobody measured is None."""
    first = recording("ablation", {"T91": (37.0, 33.0, 30.9)})
    again = recording("table2", {"x2, x3, x4": (36.0, 32.0, 29.9), "x3": (35, 34, 31)})
    known = Known([first, again], {})
    names = [(found.name, found.recording) for found in known.runs]
    assert names == [("T91", first), ("x3", again)]
    runs = {run.name: run for run in get_experiment("table2").runs("paper")}
    found = known.find(runs["x2, x3, x4"])
    assert found is not None
    assert found.entry["command"] == "vdsr made T91"
    assert known.how("table2", runs["x2, x3, x4"]) == "`vdsr made T91`"
    assert known.find(runs["x4"]) is None
    assert known.how("table2", runs["x4"]) == (
        f"{cost_text(runs['x4'])}: "
        "`vdsr experiments run table2 --profile paper --only x4`"
    )
    assert found.steps == 800
    assert [found.psnr(scale) for scale in (2, 3, 4)] == [37.0, 33.0, 30.9]
    assert found.psnr(1.5) is None
    first.table.loc[first.table.scale == 3, "psnr"] = float("nan")  # it diverged
    assert found.psnr(3) is None
    assert found.at_epoch(79, "psnr_x2") == pytest.approx(36.99)
    assert found.at_epoch(79, "psnr_x3") is None
    assert found.at_epoch(81, "psnr_x2") is None
