"""The trace of a training: what each of its steps measured."""

from __future__ import annotations

import json
import math

import pytest
from safetensors import safe_open

from vdsr_lib.training import DivergedError, History, Silent, TrainingConfig, train
from vdsr_lib.training.ledger import Ledger

MEASURED = "loss", "gradient_norm", "clipped_share"


def run(model, patches, config, **options):
    quick = {"device": "cpu", "precision": "float32", "monitor": Silent()}
    return train(model, patches, config, **(quick | options))


def recipe(**changes) -> TrainingConfig:
    given = {"epochs": 4, "batch_size": 20, "trace": True}
    return TrainingConfig.paper(**(given | changes))


def test_each_step_has_a_row_with_what_it_measured(make_model, patches, recorder):
    watch = recorder()
    history = run(make_model(), patches, recipe(), monitor=watch)
    names = ("step", *MEASURED)
    assert history.steps == [{n: row[n] for n in names} for row in watch.steps]
    assert [row["step"] for row in history.steps] == list(range(1, 29))
    for epoch, row in enumerate(history.epochs):
        steps = history.steps[7 * epoch : 7 * (epoch + 1)]
        for name in MEASURED:
            mean = sum(step[name] for step in steps) / 7
            assert row[name] == pytest.approx(mean, rel=1e-6)


def test_a_trace_is_kept_where_it_is_asked_for(make_model, patches, equal_weights):
    models = make_model(), make_model()
    history = run(models[0], patches, recipe(trace=False))
    run(models[1], patches, recipe())
    assert history.steps == []
    assert equal_weights(*models)


def test_the_step_that_failed_is_the_last_of_the_trace(make_model, patches):
    """How gradients grew before it, no mean of an epoch shows."""
    wild = recipe(clipping="none")
    with pytest.raises(DivergedError) as caught:
        run(make_model(), patches, wild)
    history = caught.value.history
    failed = history.epochs[-1]["step"]
    assert [row["step"] for row in history.steps] == list(range(1, failed + 1))
    assert f"diverged at step {failed} " in str(caught.value)
    norms = [row["gradient_norm"] for row in history.steps]
    assert failed >= 3
    assert norms[-2] > 100 * norms[0]
    assert not norms[-1] <= norms[-2]  # larger, or no number


@pytest.mark.parametrize("stop", [3, 7, 10])
def test_a_resumed_run_has_the_trace_of_a_whole_one(
    make_model, patches, recorder, tmp_path, stop
):
    """Stopped in an epoch, and at the end of one."""
    expected = run(make_model(), patches, recipe())
    given = {"run_dir": tmp_path}
    run(make_model(), patches, recipe(), monitor=recorder(stop_at=stop), **given)
    history = run(make_model(seed=99), patches, recipe(), resume=True, **given)
    assert history.steps == expected.steps


def test_a_trace_does_not_lengthen_the_head_of_a_checkpoint(
    make_model, patches, recorder, tmp_path
):
    """A head of 100 MB, some 880,000 rows of a trace, would not be read again."""
    heads = []
    for trace in True, False:
        folder = tmp_path / str(trace)
        stop = recorder(stop_at=10)
        run(make_model(), patches, recipe(trace=trace), run_dir=folder, monitor=stop)
        with safe_open(folder / "checkpoint.safetensors", framework="pt") as stream:
            heads.append(json.loads(stream.metadata()["state"])["history"])
    assert heads[0].keys() == heads[1].keys()


def test_a_run_of_an_older_checkpoint_goes_on_with_its_trace(
    make_model, patches, recorder, tmp_path, monkeypatch
):
    """They held it among the rows of their state."""
    expected = run(make_model(), patches, recipe())
    state, given = Ledger.state, {"run_dir": tmp_path}

    def older(self):
        return state(self) | {"history": self.history.to_dict()}

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "state", older)
        patch.setattr(Ledger, "tensors", lambda self: {"sums": self.sums})
        run(make_model(), patches, recipe(), monitor=recorder(stop_at=10), **given)
    history = run(make_model(seed=99), patches, recipe(), resume=True, **given)
    assert history.steps == expected.steps


def test_a_trace_is_saved_and_read(tmp_path):
    steps = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": math.nan}]
    before = History([{"step": 2, "loss": math.nan}], [], False, "float32", steps)
    read = History.load(before.save(tmp_path / "history.json"))
    assert read.steps[0] == steps[0]
    assert read.steps[1]["step"] == 2
    assert math.isnan(read.steps[1]["loss"])


def test_a_history_without_a_trace_is_written_as_ever():
    written = History().to_dict()
    assert list(written) == ["epochs", "validations", "finished", "precision"]
    assert History.from_dict(written).steps == []


def test_a_trace_changes_what_a_run_is_called_only_where_it_is_kept():
    """Keys of runs hash this: those made before there were traces keep theirs."""
    assert "trace" not in recipe(trace=False).to_dict()
    assert recipe().to_dict()["trace"] is True
    assert TrainingConfig.from_dict(recipe().to_dict()) == recipe()
    with pytest.raises(ValueError, match="trace must be True or False, got 1"):
        recipe(trace=1)
