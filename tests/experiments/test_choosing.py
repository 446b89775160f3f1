"""Some runs of an experiment: names, patterns, and names that are none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from vdsr_lib.experiments import (
    Experiment,
    chosen_runs,
    get_experiment,
    narrowed,
    run_experiment,
)
from vdsr_lib.training import Silent

TABLE1 = get_experiment("table1").runs("paper")


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["residual, rate 0.1"], ["residual, rate 0.1"]),
        ("Residual, Rate 0.01", ["residual, rate 0.01"]),
        ("residual*", [f"residual, rate {rate}" for rate in ("0.1", "0.01", "0.001")]),
        ("*rate 0.1", ["residual, rate 0.1", "non-residual, rate 0.1"]),
        ("*rate 0.01, residual, rate 0.1", [0, 2, 3]),
        ("non-residual, rate 0.001,residual, rate 0.001", [4, 5]),
        (["*0.001", "residual, rate 0.1"], [0, 4, 5]),
        (["residual, rate 0.1", "*"], range(6)),
        ("?esidual, rate 0.1", [0]),
        ("residual*, *0.1", [0, 1, 2, 4]),
        ("residual*,*0.1", [0, 1, 2, 4]),
        ("residual*, rate 0.1", [0]),
        ("*, rate 0.1", [0, 1]),
        ("*, rate 0.1, *0.001", [0, 1, 4, 5]),
    ],
)
def test_names_and_patterns(only, expected):
    """In the experiment's order, each once, whatever the order of the names."""
    wanted = [e if isinstance(e, str) else TABLE1[e].name for e in expected]
    assert [run.name for run in chosen_runs(TABLE1, only)] == wanted


def test_a_name_with_a_plus_is_itself():
    runs = get_experiment("ablation").runs("paper")
    (run,) = chosen_runs(runs, "291 + augmentation")
    assert run.name == "291 + augmentation"
    assert [r.name for r in chosen_runs(runs, "T91, 291")] == ["T91", "291"]


def test_a_name_with_brackets_is_itself():
    runs = tuple(replace(TABLE1[n], name=f"theta [1e-{n}]") for n in range(2))
    assert chosen_runs(runs, "theta [1e-1]") == runs[1:]
    assert chosen_runs(runs, "theta [1e-1], Theta [1e-0]") == runs
    assert chosen_runs(runs, "theta ?1e-[0]?") == runs[:1]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("x2, x3", ["x2, x3"]),
        ("x2,x3", ["x2", "x3"]),
        ("x2, x3, x4, x3, x4", ["x3, x4", "x2, x3, x4"]),
        ("x2, ?3", ["x2", "x3"]),
        ("x2*, x3*", ["x2", "x3", "x2, x3", "x2, x4", "x3, x4", "x2, x3, x4"]),
    ],
)
def test_a_name_that_is_a_list_of_names_is_itself(only, expected):
    """And a pattern is never longer than it must be for the rest to mean a run."""
    runs = get_experiment("table2").runs("paper")
    assert [run.name for run in chosen_runs(runs, only)] == expected


@pytest.mark.parametrize(
    ("only", "sentence"),
    [
        ("resdual, rate 0.1", "no run fits 'resdual, rate 0.1'; did you mean"),
        (
            "Residal, Rate 0.01",
            "did you mean 'residual, rate 0.01' or 'residual, rate 0.001' or "
            r"'residual, rate 0.1'\?$",
        ),
        ("residual, rate 0.1, residal, rate 0.01", "no run fits 'residal, rate 0.01'"),
        ("residual, rate 0.1,", "no run fits ''; there are 'residual, rate 0.1'"),
        ("zzz", "no run fits 'zzz'; there are 'residual, rate 0.1', 'non-residual"),
        ([], "no run was named"),
    ],
)
def test_what_fits_no_run_is_answered_with_what_is_like_it(only, sentence):
    with pytest.raises(ValueError, match=sentence.replace("*", r"\*")):
        chosen_runs(TABLE1, only)


@pytest.mark.parametrize(
    ("experiment", "more"),
    [("clipping_start", "'"), ("table2", "'"), ("figure3", "' and 36 more")],
)
def test_of_many_runs_twelve_are_named(experiment: str, more: str):
    runs = get_experiment(experiment).runs("paper")
    with pytest.raises(ValueError, match=f"{re.escape(runs[:12][-1].name)}{more}$"):
        chosen_runs(runs, "zzz")


@pytest.mark.timeout(60)  # hours, if each name doubled the time
def test_a_typo_behind_many_names_is_found_at_once() -> None:
    runs = get_experiment("figure3").runs("paper")
    text = ", ".join([run.name for run in runs[:30]] + ["depht 5, run 9"])
    with pytest.raises(ValueError, match="no run fits 'depht 5, run 9'; did you mean"):
        chosen_runs(runs, text)


def test_a_guess_has_the_capitals_of_its_run():
    runs = get_experiment("ablation").runs("paper")
    with pytest.raises(ValueError, match="did you mean 'T91' or '291'"):
        chosen_runs(runs, "T-91")


def test_other_sizes_stay_whole():
    table1 = get_experiment("table1")
    some = narrowed(table1, "paper", "residual, rate 0.1")
    assert [run.name for run in some.runs("paper")] == ["residual, rate 0.1"]
    assert some.runs("quick") == table1.runs("quick")
    assert narrowed(table1, "paper", None) is table1


def test_only_some_runs_are_made(experiment: Experiment, tmp_path: Path):
    options = {"device": "cpu", "monitor": Silent(), "store": tmp_path}
    result = run_experiment(experiment, only=["plain"], **options)
    assert list(result.models) == list(result.record["runs"]) == ["plain"]
    assert set(result.table.run) == {"plain"}
    assert len(list(tmp_path.iterdir())) == 1


def test_data_of_runs_that_were_not_asked_for_may_be_absent(
    experiment: Experiment, tmp_path: Path
):
    here, other = experiment.runs("quick")
    runs = (here, replace(other, train_on=(str(tmp_path / "absent"),)))
    split = replace(experiment, sizes=dict.fromkeys(experiment.sizes, runs))
    result = run_experiment(
        split, only="tiny", device="cpu", monitor=Silent(), store=tmp_path / "runs"
    )
    assert list(result.models) == ["tiny"]
