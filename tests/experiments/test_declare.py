"""Runs as data: what their keys depend on, and what the catalogue holds."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from vdsr_lib import paper
from vdsr_lib.datasets import dataset_names
from vdsr_lib.experiments import EXPERIMENTS, PROFILES, get_experiment, run_cost
from vdsr_lib.experiments.declare import Experiment, Pictures, Run, Watch
from vdsr_lib.models import build
from vdsr_lib.training import TrainingConfig

EVERY_RUN = [
    pytest.param(run, id=f"{name}-{profile}-{run.name}")
    for name, experiment in EXPERIMENTS.items()
    for profile in PROFILES
    for run in experiment.runs(profile)
]
OVERLAPPING = [
    run for profile in PROFILES for run in get_experiment("overlap").runs(profile)
]


def a_run(**changes: object) -> Run:
    declared: dict[str, object] = {
        "name": "a",
        "architecture": {"name": "VDSR", "depth": 3, "width": 8, "residual": True},
        "training": TrainingConfig.paper(epochs=1),
        "train_on": ("embedded-train",),
        "scales": (2,),
        "patch_size": 7,
        "validate": Pictures("embedded-test", (2,)),
    }
    return Run(**(declared | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": {"name": "VDSR", "depth": 3, "width": 8, "residual": False}},
        {"training": TrainingConfig.paper(epochs=1, learning_rate=0.01)},
        {"training": TrainingConfig.paper(epochs=2)},
        {"train_on": ("embedded-train", "t91")},
        {"scales": (2, 3)},
        {"patch_size": 9},
        {"stride": 3},
        {"augment": True},
        {"augment": "flips"},
        {"validate": Pictures("embedded-test", (2,), crop=32)},
        {"validate": Pictures("embedded-test", (2,), count=3)},
        {"watch": Watch("embedded-test", "camera", 2, (0, 0, 8, 8))},
        {"repeat": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_changes_the_result_changes_the_key(changes: dict[str, object]):
    assert a_run(**changes).key() != a_run().key()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "b"},
        {"factors": {"network": "residual"}},
        {"test": (Pictures("embedded-test"),)},
        {"scales": (2.0,)},
        {"stride": 7},  # what is taken when none is given
        {"validate": Pictures("embedded-test", (2.0,))},
        {"training": TrainingConfig.paper(epochs=1, seed=7)},  # the experiment's counts
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_does_not_change_the_result_leaves_the_key(changes):
    assert a_run(**changes).key() == a_run().key()


def test_seed_and_repeat_add_up():
    assert a_run().key(1) == a_run(repeat=1).key(0)
    assert a_run().key(1) != a_run().key(0)
    assert a_run(repeat=2).recipe(3).seed == 5


def test_key_is_the_same_in_another_process_with_another_hash_seed():
    code = (
        "from vdsr_lib.experiments import get_experiment\n"
        "print(*(r.key() for r in get_experiment('table1').runs('paper')))"
    )
    command = [sys.executable, "-c", code]
    other = subprocess.run(
        command, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    here = [run.key() for run in get_experiment("table1").runs("paper")]
    assert other.stdout.split() == here
    assert all(re.fullmatch(r"[0-9a-f]{16}", key) for key in here)


# The declaration of a run that took days, as it was written when the run began.
FROZEN = """
{"architecture": {"depth": 20, "name": "VDSR", "residual": true, "width": 64},
 "augment": false, "patch_size": 41, "recipe": 1, "scales": [2.0, 3.0, 4.0],
 "stride": 41, "train_on": ["t91"],
 "training": {"batch_size": 64, "clipping": "adjustable", "drop_divisor": 10.0,
              "drop_every": 20, "epochs": 80, "last_layer_rate": 1.0,
              "learning_rate": 0.1, "loss": "sum", "max_steps": null, "momentum": 0.9,
              "optimiser": "sgd", "reset_momentum": true, "seed": 0, "theta": 0.0001,
              "validate_every": null, "weight_decay": 0.0001},
 "validate": {"count": 24, "crop": 96, "dataset": "bsd500-test",
              "scales": [2.0, 3.0, 4.0]},
 "watch": null}
"""


def test_a_run_that_was_made_is_found_under_its_key_for_ever():
    frozen = json.loads(FROZEN)
    text = json.dumps(frozen, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "65feca5cd9ffedb9"
    (run,) = (r for r in get_experiment("ablation").runs("paper") if r.name == "T91")
    assert run.declaration() == frozen
    assert run.key() == "65feca5cd9ffedb9"


@pytest.mark.parametrize(
    "later",
    [{"schedule": "cosine"}, {"warm_up": 0.5}, {"averaging": 0.99}, {"trace": True}],
)
def test_what_a_recipe_could_not_say_before_has_a_key_of_its_own(later):
    recipe = TrainingConfig.paper(epochs=1, **later)
    assert a_run(training=recipe).key() != a_run().key()


def test_table_1_is_declared_as_the_paper_describes_it():
    """Section 4.2 and the authors' code: T91 at x2, depth 10, 80 epochs, 21x21."""
    runs = get_experiment("table1").runs("paper")
    printed = paper.table("table1")
    cells = {(r.factors["network"], r.factors["learning_rate"]) for r in runs}
    assert cells == set(zip(printed.network, printed.learning_rate, strict=True))
    for run in runs:
        assert run.train_on == ("t91",)
        assert run.scales == run.validate.scales == (2,)
        assert run.validate.dataset == run.test[0].dataset == "set5"
        assert (run.architecture["depth"], run.patch_size) == (10, 21)
        recipe = run.training
        assert (recipe.epochs, recipe.drop_every, recipe.batch_size) == (80, 20, 64)
        assert (recipe.clipping, recipe.theta, recipe.loss) == (
            "adjustable",
            1e-4,
            "sum",
        )
        assert recipe.learning_rate == run.factors["learning_rate"]
        assert run.architecture["residual"] == (run.factors["network"] == "residual")


def test_the_same_run_stands_in_several_experiments_under_one_key():
    def keys(name: str) -> dict[str, str]:
        return {run.name: run.key() for run in get_experiment(name).runs("paper")}

    shared = keys("table2")["x2, x3, x4"]
    assert keys("figure3")["depth 20, run 1"] == shared
    assert keys("ablation")["T91"] == shared
    assert keys("schedules")["paper"] == shared
    assert keys("clipping")["adjustable, rate 0.1"] == shared
    assert keys("table3")["VDSR"] == keys("ablation")["291 + augmentation"]


def test_overlap_is_table_1_from_four_times_as_many_patches():
    residual = [
        r for r in get_experiment("table1").runs("paper") if "non" not in r.name
    ]
    overlap = get_experiment("overlap").runs("paper")
    assert [replace(run, stride=None) for run in overlap] == residual
    steps = [run_cost(run).steps for run in (*overlap, *residual)]
    assert steps == [48_640] * 3 + [13_840] * 3


def test_mirrored_is_table_1_from_each_patch_in_four_orientations():
    table1, mirrored = (
        get_experiment(name).runs("paper") for name in ("table1", "mirrored")
    )
    assert [replace(run, augment=False) for run in mirrored] == list(table1)
    assert {run.augment for run in mirrored} == {"flips"}
    assert {run_cost(run).steps for run in mirrored} == {80 * (4 * 11_121 // 64)}


def test_table_2_again_from_each_patch_in_four_orientations():
    columns = {run.name: run for run in get_experiment("table2").runs("paper")}
    again = get_experiment("mirrored_scales").runs("paper")
    assert [run.name for run in again] == ["x2", "x3", "x4", "x2, x3, x4"]
    plain = [replace(run, augment=False) for run in again]
    assert plain == [columns[run.name] for run in again]
    steps = [run_cost(run).steps for run in (again[-1], columns["x2, x3, x4"])]
    assert steps == [39_920, 9_920]
    for profile in PROFILES:
        runs = get_experiment("mirrored_scales").runs(profile)
        assert {run.augment for run in runs} == {"flips"}


def test_clipping_start_is_clipping_ended_after_two_epochs():
    whole, start = (
        get_experiment(name).runs("paper") for name in ("clipping", "clipping_start")
    )
    ends = {"max_steps": None, "validate_every": None, "trace": False}
    longer = [replace(run, training=replace(run.training, **ends)) for run in start]
    assert longer == list(whole)
    assert {run_cost(run).steps for run in start} == {2 * 124}
    assert all(run.training.trace for run in start)  # how each explodes or crawls
    for profile in ("quick", "classroom"):
        assert get_experiment("clipping").runs(profile) == get_experiment(
            "clipping_start"
        ).runs(profile)


def test_decay_is_two_networks_of_the_paper_without_it_and_one_on_large_patches():
    for profile in PROFILES:
        ten, few, ten_free, few_free, large = get_experiment("decay").runs(profile)
        assert ten.key() == get_experiment("table1").runs(profile)[0].key()
        assert few.key() == get_experiment("figure3").runs(profile)[0].key()
        for run, free in ((ten, ten_free), (few, few_free)):
            kept = replace(free.training, weight_decay=1e-4)
            assert replace(free, training=kept).key() == run.key() != free.key()
            assert free.training.weight_decay == free.factors["weight_decay"] == 0
            assert run.factors | {"weight_decay": 0} == free.factors
        deepest = get_experiment("figure3").runs(profile)[-1].patch_size
        assert large.patch_size == large.factors["patch"] == deepest > few.patch_size
        assert replace(large, patch_size=few.patch_size).key() == few.key()


def test_experiments_cover_the_tables_of_the_paper():
    trained = {run.scales for run in get_experiment("table2").runs("paper")}
    printed = set(paper.table("table2").training_scales.astype(str)) - {"bicubic"}
    assert {"+".join(map(str, scales)) for scales in trained} == printed
    depths = {run.factors["depth"] for run in get_experiment("figure3").runs("paper")}
    assert depths == set(paper.table("figure3").depth)
    assert len(get_experiment("figure3").runs("paper")) == 3 * len(depths)


@pytest.mark.parametrize("run", EVERY_RUN)
def test_every_declared_run_can_be_built_and_fits_its_patches(run: Run):
    model = build(run.architecture)
    if run.architecture["name"] == "VDSR":
        assert run.patch_size >= model.receptive_field
        if run not in OVERLAPPING:
            assert (run.stride or run.patch_size) >= run.patch_size
    names = [*run.train_on, run.validate.dataset, *(p.dataset for p in run.test)]
    assert set(names) <= set(dataset_names())
    assert not set(run.train_on) & {p.dataset for p in run.test}
    assert {*run.factors} <= {
        "augmentation",
        "clipping",
        "data",
        "depth",
        "learning_rate",
        "network",
        "patch",
        "recipe",
        "repeat",
        "schedule",
        "trained_on",
        "weight_decay",
    }


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_quick_needs_no_download(name: str):
    for run in get_experiment(name).runs("quick"):
        used = [*run.train_on, run.validate.dataset, *(p.dataset for p in run.test)]
        assert {each.partition("-")[0] for each in used} == {"embedded"}


def test_benchmark_pictures_steer_nothing():
    """Only Figure 4's own curve is drawn on Set5; other runs validate elsewhere."""
    on_set5 = {"table1", "overlap", "mirrored", "shallow", "decay"}
    for name in set(EXPERIMENTS) - on_set5:
        for run in get_experiment(name).runs("paper"):
            assert run.validate.dataset == "bsd500-test"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_modern_recipe_is_compared_at_about_equal_cost(profile: str):
    """Same pictures, tests and orientations; pixels a step and steps within a third."""
    runs = get_experiment("modern").runs(profile)[:3]
    pixels = [run.training.batch_size * run.patch_size**2 for run in runs]
    steps = [run_cost(run).steps for run in runs]
    assert max(pixels) / min(pixels) < 1.1
    assert max(steps) / min(steps) < 4 / 3
    assert len({(run.train_on, run.test, run.augment) for run in runs}) == 1
    assert [run.training.optimiser for run in runs] == ["adam", "adam", "sgd"]
    (table3,) = get_experiment("table3").runs("paper")
    if profile == "paper":
        assert runs[0].train_on == table3.train_on
        assert runs[0].test == table3.test
        *_, longest = get_experiment("modern").runs(profile)
        assert run_cost(longest).steps == run_cost(table3).steps
        assert (longest.train_on, longest.augment) == (table3.train_on, True)


def test_unknown_names_are_answered_with_what_there_is():
    with pytest.raises(ValueError, match=r"did you mean 'table1'.*figure3"):
        get_experiment("tabel1")
    with pytest.raises(ValueError, match="quick, classroom, paper, got 'full'"):
        get_experiment("table1").runs("full")


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (a_run(scales=(3,)), "share a name"),
        (a_run(name="b"), "are the same"),
        (None, "no run at 'classroom'"),
    ],
)
def test_a_wrong_experiment_is_refused(second: Run | None, complaint: str):
    runs = (a_run(), second) if second else ()
    sizes = {"quick": (a_run(),), "classroom": runs, "paper": (a_run(),)}
    with pytest.raises(ValueError, match=complaint):
        Experiment("mine", "title", "source", sizes)


@pytest.mark.parametrize("name", ["run", "dataset", "scale", "psnr", "seconds"])
def test_a_factor_does_not_take_the_name_of_a_column(name: str):
    """A run called by its factor is none; the others end, or lose, a finished run."""
    with pytest.raises(ValueError, match=f"factor '{name}' .* is a column of"):
        a_run(factors={"network": "plain", name: 2})


def test_one_data_set_without_a_comma_is_refused():
    """Its letters would be taken for data sets."""
    with pytest.raises(TypeError, match=r"train_on must be .*: write \('t91',\)"):
        a_run(train_on="t91")


def test_wrong_pictures_are_refused():
    with pytest.raises(ValueError, match="scales of set5 must not be empty"):
        Pictures("set5", ())
    with pytest.raises(ValueError, match="crop must be at least 1 pixel"):
        replace(Pictures("set5"), crop=0)
    with pytest.raises(ValueError, match="count must be at least 1 or None, got 0"):
        Pictures("set5", count=0)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, "abcdef"), (1, "a"), (2, "ad"), (3, "ace"), (6, "abcdef"), (9, "abcdef")],
)
def test_the_pictures_to_measure_are_spread_over_the_set(
    count: int | None, expected: str
):
    assert Pictures("set5", count=count).chosen("abcdef") == list(expected)


def test_no_picture_is_chosen_from_none():
    assert Pictures("set5", count=3).chosen([]) == []
