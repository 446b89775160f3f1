"""What ships in data/recorded and data/weights: small, whole, named, and true."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from vdsr_lib.datasets import load_images
from vdsr_lib.errors import LabError
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import EXPERIMENTS, get_experiment
from vdsr_lib.experiments.datasheet import filled, recorded_table, weights_table
from vdsr_lib.experiments.known import Known
from vdsr_lib.experiments.results import Recording
from vdsr_lib.experiments.shipping import FLOAT16_LIMIT, weights_name
from vdsr_lib.experiments.telling import cost_text
from vdsr_lib.experiments.wording import DIFFERENCES
from vdsr_lib.paper import table
from vdsr_lib.weights import available_models, load_model, read_card

DATA = Path(__file__).resolve().parents[1] / "data"
RECORDED = sorted((DATA / "recorded").glob("*.json"))
WEIGHTS = sorted((DATA / "weights").glob("*.safetensors"))
LARGEST_FILE, ALL_WEIGHTS = 250_000, 25_000_000  # bytes


@pytest.fixture(scope="module")
def known() -> Known:
    return Known.shipped()


def names(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


# --- sizes and names ------------------------------------------------------------------


def test_nothing_else_lies_there():
    """Each file belongs to an experiment that is declared, or is a network."""
    known = {f"{name}.json" for name in EXPERIMENTS} | set(EXPERIMENTS)
    strangers = {p.name for p in DATA.glob("recorded/*")} - known
    assert not strangers
    shipped = {
        weights_name(name, run.name)
        for name, experiment in EXPERIMENTS.items()
        for run in experiment.runs("paper")
    }
    found = {p.name for p in DATA.glob("weights/*")}
    assert found <= {f"{name}.safetensors" for name in shipped if name}


def test_files_are_small():
    for path in (DATA / "recorded").rglob("*"):
        assert path.is_dir() or path.stat().st_size <= LARGEST_FILE, path
    assert sum(path.stat().st_size for path in WEIGHTS) <= ALL_WEIGHTS


def test_the_datasheet_lists_exactly_what_ships(known: Known):
    """Made by 'vdsr experiments compare'."""
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert filled(text, known) == text


def test_a_datasheet_without_its_marks_is_refused():
    with pytest.raises(LabError, match="lacks the marks <!-- weights: "):
        filled("<!-- recorded: x -->\n<!-- /recorded -->\n", Known([], {}))


def test_the_tables_of_the_datasheet():
    provenance = {
        "machine": {"cpu": "A Processor", "device": "cpu"},
        "seconds": 54,  # some runs diverge in seconds: "0.0 h" would look like none
    }
    record = {
        "experiment": "table1",
        "profile": "paper",
        "seed": 0,
        "runs": {"a": {"key": "1", "provenance": provenance}},
        "missing": {"b": "not run (about 1.0 h on one CPU core)"},
    }
    # One of the runs that it lacks is recorded in table1, whatever is said of either.
    shared, other = get_experiment("decay").runs("paper")[:2]
    record["runs"]["a"]["key"] = shared.key(0)
    elsewhere = record | {
        "experiment": "decay",
        "runs": {"c": {"key": "2", "provenance": provenance}},
        "missing": {shared.name: "not run", other.name: "recorded in a cellar"},
    }
    card = {
        "architecture": {"name": "SRCNN", "kernels": [9, 1, 5], "widths": [64, 32]},
        "data": "T91, x2",
        "float16": {"used": True},
        "scores": {"Set5": {"x2": 36.414}, "Set14": {"x2": 32.1}},
        "command": "vdsr make it",
    }
    both = [Recording(record, None), Recording(elsewhere, None)]
    known = Known(both, {"srcnn-915-x2": card})
    assert recorded_table(known).splitlines()[2] == (
        "| `table1.json` | 1 of 2 | 0 | A Processor | 54 s | "
        "`vdsr experiments run table1 --profile paper` |"
    )
    assert "| 1 of 3, 1 elsewhere | 0 |" in recorded_table(known).splitlines()[3]
    assert weights_table(known).splitlines()[2] == (
        "| `srcnn-915-x2` | SRCNN 9-1-5 | T91, x2 | float16 | "
        "Set5 x2 36.41; Set14 x2 32.10 | `vdsr make it` |"
    )
    assert "No run at the paper's size" in recorded_table(Known([], {}))
    assert "None yet" in weights_table(Known([], {}))


# --- recordings -----------------------------------------------------------------------


@pytest.mark.parametrize("path", RECORDED, ids=names(RECORDED))
def test_a_recording_is_of_todays_declarations(path: Path, known: Known):
    recording = Recording.read(path)
    runs = {run.name: run for run in get_experiment(path.stem).runs("paper")}
    assert recording.record["profile"] == "paper"
    found, missing = recording.record["runs"], recording.record["missing"]
    assert set(found) | set(missing) == set(runs)
    assert not set(found) & set(missing)
    for name, entry in found.items():
        declared = runs[name].declaration(recording.record["seed"])
        assert entry["key"] == runs[name].key(recording.record["seed"])
        assert entry["declaration"] == json.loads(json.dumps(declared))
    for name, text in missing.items():
        found = known.find(runs[name])
        assert text == (
            cost_text(runs[name])
            if found is None
            else f"recorded in {found.recording.record['experiment']}: {found.name}"
        ), f"'vdsr experiments record {path.stem}' brings it up to date"


@pytest.mark.parametrize("path", RECORDED, ids=names(RECORDED))
def test_a_recording_says_where_each_number_comes_from(path: Path):
    recording = Recording.read(path)
    for name, entry in recording.record["runs"].items():
        provenance = entry["provenance"]
        assert provenance["seconds"] > 0
        assert {"cpu", "device", "torch", "commit"} <= provenance["machine"].keys()
        assert "-dirty" not in provenance["machine"]["commit"]
        assert entry["command"].startswith("vdsr experiments run ")
        epochs = recording.histories[name].epochs
        if entry["outcome"] == "finished":
            recipe, first = entry["declaration"]["training"], epochs[0]["step"]
            whole = recipe["epochs"] * first  # an epoch has as many steps as the first
            assert epochs[-1]["step"] == (recipe["max_steps"] or whole)
            assert len(epochs) == math.ceil(epochs[-1]["step"] / first)
        assert len(recording.curve(name)) >= len(epochs)


@pytest.mark.parametrize("path", RECORDED, ids=names(RECORDED))
def test_a_recordings_curve_ends_at_its_table_where_both_are_of_set5(path: Path):
    recording = Recording.read(path)
    for name, entry in recording.record["runs"].items():
        measured = entry["declaration"]["validate"]
        if measured["dataset"] != "set5" or entry["outcome"] != "finished":
            continue
        for row in recording.table[recording.table["run"] == name].itertuples():
            last = recording.curve(name)[f"psnr_x{row.scale:g}"].iloc[-1]
            assert last == pytest.approx(row.psnr, abs=0.005)


# --- weights --------------------------------------------------------------------------


@pytest.mark.parametrize("name", names(WEIGHTS))
def test_a_card_is_complete(name: str):
    card = read_card(name)
    assert {
        *("data", "recipe", "scores", "ssim", "validation", "training", "steps"),
        *("seconds", "machine", "precision", "commit", "date", "command", "check"),
        *("float16", "terms", "scales", "key", "protocol"),
    } <= card.keys()
    assert set(card["scores"]) >= {"Set5", "Set14", "B100"}
    assert card["scores"].keys() == card["ssim"].keys()
    assert "-dirty" not in card["commit"]
    losses = card["float16"]["loss in dB"].values()
    assert card["float16"]["used"] == (max(losses) < FLOAT16_LIMIT)
    assert name in available_models()["name"].tolist()


@pytest.mark.parametrize("name", names(WEIGHTS))
def test_the_weights_are_those_of_a_recorded_run(name: str, known: Known):
    """Key, scores and command agree with the recording of the same run."""
    card = read_card(name)
    runs = {found.entry["key"]: found for found in known.runs}
    found = runs[card["key"]]
    assert found.entry["declaration"]["training"] == card["training"]
    for scale, value in card["scores"]["Set5"].items():
        exact = found.psnr(float(scale.removeprefix("x")))
        assert exact is not None
        assert value == pytest.approx(exact, abs=FLOAT16_LIMIT)


@pytest.mark.slow
@pytest.mark.datasets
@pytest.mark.parametrize("name", names(WEIGHTS))
def test_every_recorded_number_of_set5_is_measured_again(name: str, real_data: Path):
    """What 'vdsr evaluate --model NAME --data set5' does: the command in the card."""
    card, images = read_card(name), load_images("set5")
    network = load_model(name)
    table = means(evaluate(network, images, card["scales"], precision="float32"))
    for scale, row in zip(card["scales"], table.itertuples(), strict=True):
        recorded = f"x{scale:g}"
        assert row.psnr == pytest.approx(card["scores"]["Set5"][recorded], abs=0.001)
        assert row.ssim == pytest.approx(card["ssim"]["Set5"][recorded], abs=0.0001)


# --- what the page says of them -------------------------------------------------------


def test_what_is_said_of_depth_5_is_what_is_recorded():
    """Each number of the paragraph is worked out from recordings anew."""
    figure3 = Recording.read(DATA / "recorded/figure3.json")
    free = Recording.read(DATA / "recorded/decay.json")
    printed = table("figure3").pivot_table("psnr", "depth", "scale")
    ours = figure3.table.pivot_table("psnr", "depth", "scale")
    lacks = (printed - ours).dropna()
    text = " ".join(DIFFERENCES.partition("**Depth 5.**")[2].split("\n\n")[0].split())

    others = lacks.drop(5).to_numpy()
    assert f"{others.min():.2f} to {others.max():.2f} dB under" in text
    at_2, at_3, at_4 = (f"{lacks.loc[5, scale]:.2f}" for scale in (2, 3, 4))
    assert f"it is {at_2} at x2, {at_3} at x3 and {at_4} at x4" in text

    runs = figure3.table.pivot_table("psnr", "scale", "run")
    first, second = runs["depth 5, run 1"], runs["depth 5, run 2"]
    assert 0.05 < (first - second).abs().max() < 0.06  # "within 0.06 dB"
    own = lacks.loc[5, 2] - lacks.drop(5)[2].mean()
    gain = free.table.pivot_table("psnr", "scale", "run")["depth 5, decay 0"] - first
    assert f"lacks {own:.1f} dB at x2 that the others" in text
    assert gain[2] > own / 2
    assert f"ends {gain[2]:.2f} dB higher at x2, {gain[4]:.2f} at x4" in text
    assert second[3] - first[3] < gain[3] < 0  # "at x3 between the two runs"
    assert f"depth 5's own, {own - gain[2]:.1f} dB at x2" in text
    large = free.table.pivot_table("psnr", "scale", "run")["depth 5, patches of 41"]
    both = (large, first)
    ends = [f"{made[2]:.2f}, {made[3]:.2f} and {made[4]:.2f}" for made in both]
    assert f"ends at {ends[0]} dB, where 11 x 11 gave {ends[1]}: larger" in text

    def norms(recording, run):
        return recording.histories[run].to_frame()["gradient_norm"]

    one, two = (norms(figure3, f"depth 5, run {n}") for n in (1, 2))
    bursts = f"exceeds 1 in {(one > 1).sum()} epochs of the first run"
    assert f"{bursts}, where it comes to {one.max():.1f}" in text
    assert f"and in {(two > 1).sum()} of the second" in text
    assert f"bursts too, up to {norms(figure3, 'depth 7, run 1').max():.1f}" in text
    assert norms(free, "depth 5, decay 0").max() < 0.8
    loss = free.histories["depth 5, decay 0"].to_frame()["loss"]
    assert (loss.diff().dropna() <= 0).all()


def test_what_is_said_of_depth_10_without_decay_is_what_is_recorded():
    kept = Recording.read(DATA / "recorded/table1.json")
    free = Recording.read(DATA / "recorded/decay.json")
    runs = ((kept, "residual, rate 0.1"), (free, "depth 10, decay 0"))
    text = " ".join(DIFFERENCES.split())
    ends = [made.table.set_index("run")["psnr"][run] for made, run in runs]
    losses = [made.histories[run].to_frame()["loss"].iloc[-1] for made, run in runs]
    assert losses[1] < losses[0]
    assert ends[1] < ends[0]
    assert (
        f"On 21 x 21, at depth 10, it costs nothing: without it the loss ends lower, "
        f"{losses[1]:.4f} instead of {losses[0]:.4f}, and Set5 too, {ends[1]:.2f} "
        f"instead of {ends[0]:.2f} dB at x2."
    ) in text


def test_what_is_said_of_patches_in_four_flips_is_what_is_recorded():
    files = {"flips": "mirrored", "overlap": "overlap", "touch": "table1"}
    made = {k: Recording.read(DATA / f"recorded/{n}.json") for k, n in files.items()}
    printed = table("figure4").query("network == 'residual'")
    text = " ".join(DIFFERENCES.split())

    def curves(name, rate):
        """Two curves, the paper's and ours, by epoch from the first (dB)."""
        theirs = printed[printed.learning_rate == rate].set_index("epoch").psnr
        measured = made[name].curves[f"residual, rate {rate:g}"].set_index("epoch")
        assert len(theirs) == 80
        return theirs, measured.psnr_x2[theirs.index]

    def some(curve, end):
        first = ", ".join(f"{curve[epoch]:.2f}" for epoch in (1, 10, 21))
        return f"{first} and {end:.2f}"

    def ours(name, rate=0.1):
        scores = made[name].table.set_index("run").psnr
        return some(curves(name, rate)[1], scores[f"residual, rate {rate:g}"])

    def below(name, rate):
        theirs, measured = curves(name, rate)
        return theirs - measured

    theirs, _ = curves("flips", 0.1)
    assert (
        f"the paper has {some(theirs, theirs[80])} dB, four flips {ours('flips')}, "
        f"overlap {ours('overlap')}, and patches that touch {ours('touch')}."
    ) in text
    apart = {name: below(name, 0.1) for name in files}
    side = "below" if apart["flips"].mean() > 0 else "above"
    assert (
        f"four flips lie {abs(apart['flips'].mean()):.2f} dB {side} the paper, overlap "
        f"lies {apart['overlap'].mean():.2f} below it and patches that touch "
        f"{apart['touch'].mean():.2f}; from epoch 21 on"
    ) in text
    assert f"nowhere more than {apart['flips'].loc[21:].abs().max():.2f} away" in text
    theirs, _ = curves("flips", 0.01)
    lower = {name: below(name, 0.01) for name in files}
    side = "below" if lower["flips"].mean() > 0 else "above"
    assert (
        f"the paper has {some(theirs, theirs[80])} dB there, four flips "
        f"{ours('flips', 0.01)}, on the average {abs(lower['flips'].mean()):.2f} dB "
        f"{side} it and nowhere more than {lower['flips'].abs().max():.2f} away; "
        f"overlap lies {lower['overlap'].mean():.2f} below it, patches that touch "
        f"{lower['touch'].mean():.2f}."
    ) in text
    theirs, _ = curves("flips", 0.001)
    last = {name: below(name, 0.001) for name in files}
    side = "below" if last["flips"].mean() > 0 else "above"
    assert (
        f"At rate 0.001 the paper has {some(theirs, theirs[80])} dB, four flips "
        f"{ours('flips', 0.001)}, on the average {abs(last['flips'].mean()):.2f} dB "
        f"{side} it. They begin {-last['flips'][1]:.2f} above it, and are nowhere more "
        f"than {last['flips'].loc[4:].abs().max():.2f} away from the fourth epoch on; "
        f"overlap lies {last['overlap'].mean():.2f} below it, patches that touch "
        f"{last['touch'].mean():.2f}."
    ) in text
