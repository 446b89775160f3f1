"""What lessons record of runs that diverged: their cells, with a result made up."""

from __future__ import annotations

from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
import torch

from vdsr_lib import SRCNN, VDSR, experiments
from vdsr_lib.claims import ClaimBook
from vdsr_lib.claims.declared import load_claims
from vdsr_lib.claims.judging import judge
from vdsr_lib.experiments import ExperimentResult, Frames, Run, get_experiment
from vdsr_lib.experiments.contenders import Contenders
from vdsr_lib.experiments.linear import LinearNetwork
from vdsr_lib.models import build
from vdsr_lib.suite.notebooks import read_source, sources
from vdsr_lib.training import History

RATES = [0.1, 0.01, 0.001]
NETWORKS = {"residual": [31.0, nan, 30.9], "non-residual": [25.0, 26.0, 27.0]}
CLIPPED = [[0.4, 0.4, nan], [0.4, 0.3, 0.1], [-4.0, 0.2, 0.3], [nan, nan, nan]]
SCALES = {  # gains at the scales 2, 3 and 4 by those of the training
    "x2": [0.8, 0.4, 0.1],
    "x3": [nan, nan, nan],
    "x4": [-2.0, -0.3, 0.3],
    "x2, x3": [0.6, 0.8, 0.4],
    "x2, x4": [0.6, 0.7, 0.7],
    "x3, x4": [-0.5, 0.8, 0.7],
    "x2, x3, x4": [0.3, 0.9, 0.7],
}


def recorded(claim: str, given: dict[str, Any], folder: Path) -> str:
    """The verdict of a claim, when the cell that records it is given a result."""
    (lesson,) = (path for path in sources() if path.name.startswith(claim[:2]))
    cells = [cell for cell in read_source(lesson).cells if cell.cell_type == "code"]
    (cell,) = (c.source for c in cells if f'record("{claim[3:]}"' in c.source)
    book = ClaimBook(claim[:2], "classroom", folder)
    exec(cell, {"np": np, "display": lambda shown: None, "book": book, **given})
    return book.judgements[claim].verdict


def frame(columns: dict[str, list[float]], index: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=index)


TABLE1 = {"final": frame(NETWORKS, RATES), "bicubic": 30.0}
CLIPPING = {"gains": pd.DataFrame(CLIPPED, columns=RATES)}
TABLE2 = {"live": frame(SCALES, [2, 3, 4])}


@pytest.mark.parametrize(
    ("claim", "given"),
    [
        ("03.residual-passes-bicubic", TABLE1),
        ("05.adjustable-learns-everywhere", CLIPPING),
        ("06.no-loss-at-or-above", TABLE2),
        ("06.others-help-at-3-and-4", TABLE2),
    ],
)
def test_a_network_that_diverged_fails_the_claim_about_all(claim, given, tmp_path):
    """Its NaN is neither passed over nor counted as no loss."""
    (name,) = given.keys() - {"bicubic"}
    whole = given | {name: given[name].fillna(given.get("bicubic", 0.0) + 0.6)}
    assert recorded(claim, given, tmp_path) == "fails"
    assert recorded(claim, whole, tmp_path) == "holds"


# --- whole lessons, as far as they look at their runs ---------------------------------


MADE = {
    "seconds": 6.0,
    "date": "2026-12-01",
    "precision": "float32",
    "machine": {"device": "cpu", "cpu": "a CPU", "torch": "2.13.0"},
}


def outspoken(network: VDSR | SRCNN) -> VDSR | SRCNN:
    """Make the last layer stronger: what it adds is more than rounding."""
    with torch.no_grad():
        network.body[-1].weight.mul_(100)
    return network.eval()


def narrowed(run: Run) -> dict[str, Any]:
    """The architecture of a run, with two feature maps if it is a VDSR's."""
    return {k: 2 if k == "width" else v for k, v in run.architecture.items()}


def made_up(name: str, lost: set[str], profile: str = "paper") -> ExperimentResult:
    """Three measurements of each run; some runs diverge after two of them."""
    runs = get_experiment(name).runs(profile)
    runs = tuple(run for run in runs if run.factors.get("depth") != 6)
    entries, rows, curves, models = {}, [], {}, {}
    histories, frames = {}, {}
    for run in runs:
        narrow = narrowed(run)
        outcome = "diverged" if run.name in lost else "finished"
        entries[run.name] = {
            "factors": dict(run.factors),
            "outcome": outcome,
            "message": "training diverged at step 3" if run.name in lost else "",
            "declaration": {"architecture": narrow},
            "provenance": MADE,
        }
        depth = run.factors.get("depth", 0)
        last = nan if run.name in lost else 37.0 + depth / 100
        row = {"run": run.name, **run.factors, "bicubic": 33.7, "psnr": last}
        row |= {"dataset": run.test[0].dataset if run.test else "none"}
        rows += [row | {"scale": scale} for scale in (run.test or [run])[0].scales]
        steps = [0, 1, 2] if run.name in lost else [0, 1, 2, 3]
        start = 37.0 if run.factors.get("network") == "residual" else 33.0
        start = 33.7 if run.name == "VDSR" else start  # bicubic's
        score = [start] * (len(steps) - 1) + [37.0]
        scores = dict.fromkeys(("psnr_x2", "psnr_x3", "psnr_x4"), score)
        curves[run.name] = pd.DataFrame({"epoch": steps, "step": steps, **scores})
        histories[run.name] = History([{"epoch": 3, "step": 3, "gradient_norm": 1.0}])
        frames[run.name] = seen(steps)
        if run.name not in lost:
            models[run.name] = outspoken(build(narrow))
    record = {"experiment": name, "profile": profile, "seed": 0, "runs": entries}
    table = pd.DataFrame(rows)
    return ExperimentResult(record, table, curves, histories, frames, models)


def seen(steps: list[int]) -> Frames:
    """Frames of an edge, steeper from step to step; bicubic's is the least steep."""
    rows, columns = np.mgrid[:24, :24]
    wave = np.sin(rows / 3) * np.cos(columns / 5)
    heights = [30 + 2 * step for step in steps]
    pictures = [(128 + height * wave).astype(np.uint8) for height in heights]
    reference = (128 + 60 * wave).astype(np.uint8)
    return Frames(tuple(steps), np.stack(pictures), reference, pictures[0])


def looked_at(
    lesson: str,
    marks: list[str],
    lost: set[str],
    folder: Path,
    profile: str = "paper",
    **more: Any,
) -> tuple[dict[str, float], list[str]]:
    """What a lesson's cells measure, and what they show, when some runs are lost."""
    (path,) = (each for each in sources() if each.name.startswith(lesson))
    shown: list[str] = []
    given: dict[str, Any] = {"profile": profile, "device": "cpu", "seed": 0}
    given["output_dir"] = folder
    code = [c.source for c in read_source(path).cells if c.cell_type == "code"]
    exec(next(each for each in code if "ClaimBook(" in each), given)

    def run_experiment(name: str, *_: Any, **__: Any) -> ExperimentResult:
        return made_up(name, lost, profile)

    given |= {
        "full": None,
        "display": lambda *every: shown.extend(map(str, every)),
        "run_experiment": run_experiment,
        "where": {},
    }
    if given.get("lab") is experiments:
        given["lab"] = SimpleNamespace(**vars(experiments))
        given["lab"].run_experiment = run_experiment
        given["lab"].untrained = lambda run, _: build(narrowed(run))
    given |= more
    for mark in marks:
        (cell,) = (each for each in code if mark in each)
        exec(cell, given)
    return {k[3:]: j.measured for k, j in given["book"].judgements.items()}, shown


def failed(lesson: str, measured: dict[str, float], profile: str = "paper") -> set[str]:
    """Which of the claims that were measured fail at a profile."""
    claims = load_claims()
    full = {name: claims[f"{lesson}.{name}"] for name in measured}
    return {
        n for n, c in full.items() if judge(c, measured[n], profile).verdict == "fails"
    }


LESSON_3 = [
    *(
        'run_experiment("table1"',
        '"starts-at-bicubic"',
        "final = ",
        '"leads-early-at-',
        "passes-bicubic",
    ),
    *(
        "epoch_player(frames",
        '"plain-fails-at-copying"',
        "table1-{row",
        'run_experiment("shallow"',
        '"shallow-gap-closes"',
    ),
]


@pytest.mark.parametrize(
    "networks",
    [["residual"], ["non-residual"], ["residual", "non-residual"]],
    ids=" and ".join,
)
def test_lesson_03_tells_which_runs_diverged(networks, tmp_path):
    lost = {f"{network}, rate 0.001" for network in networks}  # of depth 3 too
    measured, shown = looked_at("03", LESSON_3, lost, tmp_path)
    whole, _ = looked_at("03", LESSON_3, set(), tmp_path)
    assert whole["leads-early-at-low-rate"] == pytest.approx(8 / 3)
    assert whole["shallow-gap-was-wide"] == 4
    assert whole["shallow-gap-closes"] == 0
    assert measured["leads-early-at-high-rate"] == whole["leads-early-at-high-rate"]
    table = next(text for text in shown if "residual ahead by (dB)" in text)
    assert table.splitlines()[-1].split().count("diverged") == len(networks) + 1
    assert "diverged" not in table.splitlines()[-2]
    for claim in ("leads-early-at-low-rate", "shallow-gap-closes"):
        assert np.isnan(measured[claim])
    for network in ("residual", "non-residual"):
        value = measured[f"table1-{network}-low-rate"]
        assert np.isnan(value) == (network in networks)


def test_lesson_03_measures_nothing_where_no_run_lived(tmp_path):
    every = {run.name for run in get_experiment("table1").runs("paper")}
    measured, _ = looked_at("03", LESSON_3, every, tmp_path)
    assert np.isnan(measured["residual-passes-bicubic"])
    assert np.isnan(measured["plain-still-below-bicubic"])


LESSON_4 = [
    *("result = lab.run_experiment", '"deeper-is-better"', "compare(pictures"),
    *('"field-grows"', '"figure3-depth-'),
]


def test_lesson_04_takes_another_run_where_the_first_diverged(tmp_path):
    measured, shown = looked_at("04", LESSON_4, {"depth 20, run 1"}, tmp_path)
    assert shown[0].splitlines()[-1].split() == ["20", *["diverged"] * 3]
    assert "diverged" not in shown[0].splitlines()[-2]
    for claim in ("field-is-two-depths-and-one", "field-grows"):
        assert np.isfinite(measured[claim])
    assert np.isnan(measured["deeper-is-better"])
    assert np.isnan(measured["figure3-depth-20-x3"])  # of three networks, not of two
    assert np.isfinite(measured["figure3-depth-5-x3"])


def test_lesson_04_has_no_field_of_a_depth_that_always_diverged(tmp_path):
    lost = {f"depth 20, run {n}" for n in (1, 2, 3)}
    measured, _ = looked_at("04", LESSON_4, lost, tmp_path)
    for claim in ("field-is-two-depths-and-one", "field-is-used-in-part"):
        assert np.isnan(measured[claim])


def test_lesson_04_goes_on_where_no_network_lives(tmp_path, capsys):
    every = {run.name for run in get_experiment("figure3").runs("paper")}
    marks = [*LESSON_4, "shares = {", "receptive_field_explorer(models"]
    measured, _ = looked_at("04", marks, every, tmp_path)
    assert failed("04", measured) == set(measured)
    assert capsys.readouterr().out.count("diverged at step 3.") == len(made_up_runs())


@pytest.mark.parametrize("mark", ["compare(pictures", "field_explorer(models"])
def test_lesson_04_shows_nothing_where_no_network_lives(mark):
    """Jupyter would show the empty dictionary of networks."""
    (path,) = (each for each in sources() if each.name.startswith("04"))
    code = [c.source for c in read_source(path).cells if c.cell_type == "code"]
    (cell,) = (each for each in code if mark in each)
    assert eval(cell.splitlines()[-1], {"models": {}}) is None


def made_up_runs() -> list[str]:
    return list(made_up("figure3", set()).record["runs"])


@pytest.mark.parametrize("rates", [[0.1], [0.1, 0.01, 0.001]], ids=["one", "all"])
def test_lesson_03_goes_on_where_both_networks_of_a_rate_diverged(
    rates, tmp_path, capsys
):
    lost = {f"{n}, rate {r:g}" for n in ("residual", "non-residual") for r in rates}
    measured, _ = looked_at("03", LESSON_3, lost, tmp_path)
    touched = {"residual-passes-bicubic", "leads-early-at-high-rate"}
    assert failed("03", measured) >= touched
    for claim in touched | {"plain-fails-at-copying", "plain-still-below-bicubic"}:
        assert np.isnan(measured[claim])
    other = measured["leads-early-at-middle-rate"]
    assert np.isnan(other) == (len(rates) == 3)
    assert "The run 'residual, rate 0.1' diverged at step 3." in capsys.readouterr().out


LESSON_2 = [
    *('"side_by_side", profile', "lab.race_curves", '"leads-at-equal-steps"'),
    '"vdsr-starts-at-bicubic"',
    *("race_frames(", '"edges-sharper"', '"first-filters-hardly-move"'),
    *('"one-network-three-scales"', '"rate-ratio"', "about_networks = {"),
    "hold_against_review(",
]


@pytest.mark.parametrize("name", ["VDSR", "SRCNN, Adam"])
def test_lesson_02_goes_on_where_a_network_diverged(name, tmp_path, capsys):
    parts = {"np": np, "srcnn": SRCNN(), "vdsr": VDSR(20)}
    parts["sides"] = {"SRCNN": [13, 13], "VDSR": [41, 41]}
    lived, _ = looked_at("02", LESSON_2, set(), tmp_path, "quick", **parts)
    assert "diverged" not in capsys.readouterr().out
    measured, _ = looked_at("02", LESSON_2, {name}, tmp_path, "quick", **parts)
    assert f"The run {name!r} diverged at step 3." in capsys.readouterr().out
    races = {"leads-at-equal-steps", "leads-at-equal-time"}
    own = {"edges-sharper", "first-filters-hardly-move", "one-network-three-scales"}
    own |= {"review-differs"}
    before, after = failed("02", lived, "quick"), failed("02", measured, "quick")
    assert after >= (races | own if name == "VDSR" else races)
    assert not before & (own - {"first-filters-hardly-move"})  # drawn anew here
    for claim in races:
        assert np.isnan(measured[claim])
        assert np.isfinite(lived[claim])


LESSON_6 = [
    *('run_experiment("table2"', '"no-loss-at-or-above"', '"little-above"'),
    *('"one-serves-all"', "nets = {label", '"ahead-between"', "pictures_by_scale("),
    *("def my_dose", "doses = lab.dose", '"right-dose-at-home"'),
    *("kept = linear", '"ours-compromises-too"'),
]


@pytest.mark.parametrize("name", ["x2", "x3", "x4", "x2, x3, x4"])
def test_lesson_06_goes_on_where_a_network_diverged(name, tmp_path, capsys):
    rows, columns = np.mgrid[:120, :120]
    detail = (128 + 60 * np.sin(rows / 3) * np.cos(columns / 4)).astype(np.uint8)
    filters = frame({k: [0.5] * 3 for k in SCALES}, [2, 3, 4])
    kernel = LinearNetwork(np.eye(3) / 9)
    parts = {"detail": detail, "pictures": {"one": detail}, "linear": filters}
    parts |= {"named": {"x2, x3, x4": kernel}, "sides": {}}
    measured, _ = looked_at("06", LESSON_6, {name}, tmp_path, "quick", **parts)
    assert f"The run {name!r} diverged at step 3." in capsys.readouterr().out
    touched = {
        "x2": {"little-above", "underdose-above"},
        "x3": {"harm-at-one-and-a-half"},
        "x4": {"little-above", "spoils-2-after-4", "harm-at-one-and-a-half"},
        "x2, x3, x4": {"one-serves-all", "helps-from-2-to-4", "ours-compromises-too"},
    }[name]
    if name in ("x2", "x3", "x4"):
        touched |= {"right-dose-at-home"}
    touched |= {"no-loss-at-or-above", "one-keeps-the-gain", "others-help-at-3-and-4"}
    touched |= {"ahead-between", "harm-below-half"}
    if name == "x2":
        touched -= {"others-help-at-3-and-4"}  # which does not speak of it
    assert failed("06", measured, "quick") >= touched
    counted = {"no-loss-at-or-above", "harm-below-half"}
    for claim in touched - counted:
        assert np.isnan(measured[claim]), claim


LESSON_7 = [
    *('run_experiment("ablation"', "contenders(profile", "side = 160"),
    *('"vdsr-beats-srcnn"', "each = scores", '"gain-depends-on-the-picture"'),
    *('"ssim-agrees"', "three.render(", '"a-turned-patch-is-nearly-a-new-one"'),
]


def test_lesson_07_goes_on_where_its_network_diverged(tmp_path, capsys):
    def contenders(_: str, *, vdsr: VDSR, **__: Any) -> Contenders:
        every = {"bicubic": None, "SRCNN": SRCNN((3, 1, 3), (2, 2)), "VDSR": vdsr}
        return Contenders(
            {n: dict.fromkeys((2, 3, 4), m) for n, m in every.items()}, ""
        )

    drawn = np.random.default_rng(0).integers(16, 236, (48, 48), dtype=np.uint8)
    parts = {"contenders": contenders, "available_models": none_ship}
    parts["load_images"] = lambda _: {"one": drawn, "two": drawn[::-1]}
    measured, _ = looked_at("07", LESSON_7, {"embedded"}, tmp_path, "quick", **parts)
    assert "The run 'embedded' diverged at step 3." in capsys.readouterr().out
    assert failed("07", measured, "quick") == set(measured)
    assert len(measured) == 6


def none_ship() -> pd.DataFrame:
    return pd.DataFrame({"name": []})


LESSON_5 = ["falling = run_experiment", '"paper-schedule-ahead"', '"review-ends-idle"']


@pytest.mark.parametrize("lost", [["review"], ["paper"], ["paper", "review"]], ids=str)
def test_lesson_05_does_not_call_a_schedule_idle_that_diverged(lost, tmp_path, capsys):
    measured, _ = looked_at("05", LESSON_5, set(lost), tmp_path)
    assert np.isnan(measured["paper-schedule-ahead"])
    assert np.isnan(measured["review-ends-idle"]) == ("review" in lost)
    said = capsys.readouterr().out
    for name in lost:
        assert f"The run {name!r} diverged at step 3." in said


def test_the_longest_move_in_lesson_05_is_nan_wherever_a_nan_stands():
    (path,) = (each for each in sources() if each.name.startswith("05"))
    (cell,) = (c.source for c in read_source(path).cells if "def longest" in c.source)
    given: dict[str, Any] = {"torch": torch}
    exec(cell[: cell.index("steps = {")], given)
    one, nans = torch.tensor([[1.0, -3.0]]), torch.tensor([nan])
    assert given["longest"]([one, -one], 0.1) == pytest.approx(3000)
    for slopes in ([one, nans], [nans, one]):
        assert np.isnan(given["longest"](slopes, 0.1))


def test_lesson_05_does_not_pass_over_a_nan(tmp_path):
    """Wherever it stands: Python's max keeps a NaN that comes first, and no other."""
    moved = pd.DataFrame({0.0: [1.0, nan, 0.9], 0.9: [1.0, 4.0, nan]})
    given = {"pd": pd, "my_steps": lambda _, __, momentum: moved[momentum]}
    given |= {"fresh": None, "figures": MagicMock()}
    assert recorded("05.momentum-multiplies", given, tmp_path) == "fails"
