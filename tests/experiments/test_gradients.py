"""Gradients counted by size, against their plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vdsr_lib.experiments import ClippingStudy, get_experiment, gradients
from vdsr_lib.experiments.gradients import MAGNITUDES, count_magnitudes
from vdsr_lib.training import Silent, training_loss


@pytest.fixture(scope="module")
def study() -> ClippingStudy:
    """As small as it can be: a second for all trainings of this file."""
    return ClippingStudy(depth=3, width=4, steps=6, every=2, batch_size=4, scales=(2,))


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_a_study_on_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch, device: str):
    """Its counts would be those of later steps, or of none."""
    there = torch.device("cuda")
    monkeypatch.setattr(gradients, "resolve_device", lambda _: there, raising=False)
    with pytest.raises(ValueError, match=f"device must be 'cpu', got '{device}'"):
        ClippingStudy(device=device)


def test_sizes_fall_into_their_bins():
    counts = count_magnitudes(
        [torch.tensor([[0.0, 1e-11], [-1.0, 1.05]]), torch.tensor([2e6, -math.inf])]
    )
    assert len(counts) == len(MAGNITUDES) + 1
    assert counts.sum() == 6
    assert counts[0] == 2  # below 1e-10
    assert counts[-1] == 2  # 1e6 and above
    assert counts[1 + np.searchsorted(MAGNITUDES, 1.0)] == 2  # 1 to 10 ** 0.1


def test_what_is_no_number_counts_as_beyond_all():
    counts = count_magnitudes([torch.tensor([math.nan, math.nan, 0.5])])
    assert counts[-1] == 2
    assert counts.sum() == 3


def test_edges_are_ten_a_decade():
    assert MAGNITUDES[0] == pytest.approx(1e-10)
    assert MAGNITUDES[-1] == pytest.approx(1e6)
    np.testing.assert_allclose(MAGNITUDES[10:] / MAGNITUDES[:-10], 10)


def test_the_first_counts_are_of_the_unclipped_gradient(study):
    """The same batch through plain autograd."""
    trace = study.trace("adjustable", 0.1)
    patches, model = study._patches, study._model()
    order = patches.order(torch.Generator().manual_seed(study.seed))
    ilr, hr = patches.batch(order[:4])
    training_loss(model(ilr), hr, batch_size=4).backward()
    gradients = [p.grad for p in model.parameters()]
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    first = trace.measured[0]
    assert trace.steps[0] == 1
    assert first["gradient_norm"] == pytest.approx(float(norm), rel=0.05)
    largest = max(float(g.abs().max()) for g in gradients)
    assert first["largest"] == pytest.approx(largest, rel=0.05)
    middle = [int(np.dot(np.arange(162), c)) / sum(c) for c in (
        trace.counts[0], count_magnitudes(gradients).tolist())]  # fmt: skip
    assert middle[0] == pytest.approx(middle[1], abs=1.0)  # a tenth of a decade


def test_the_bins_say_what_the_clipping_measured(study):
    for rule, rate in (("adjustable", 0.1), ("value", 0.01)):
        trace = study.trace(rule, rate)
        assert trace.bound == pytest.approx(1e-3)
        at = 1 + int(np.argmin(np.abs(MAGNITUDES - trace.bound)))
        for counts, row in zip(trace.counts, trace.measured, strict=True):
            total = sum(counts)
            assert total == study._model().parameter_count
            assert sum(counts[at:]) / total == pytest.approx(
                row["clipped_share"], abs=2 / total
            )


def test_a_trace_holds_its_steps_its_scores_and_its_end(study):
    trace = study.trace("norm", 0.01, 0.2)
    assert trace.steps == (1, 2, 3, 4, 6)
    assert [step for step, _ in trace.psnr] == [0, 2, 4, 6]
    assert trace.psnr[0][1] == pytest.approx(trace.baseline, abs=0.01)
    assert (trace.theta, trace.bound, trace.outcome) == (0.2, math.inf, "finished")
    assert repr(trace).startswith("GradientTrace(norm, rate 0.01, theta 0.2)  # finish")


def test_the_last_step_is_counted_and_scores_are_means_over_the_scales():
    """Seven steps are no multiple of two; before the first one it is bicubic."""
    both = ClippingStudy(
        depth=3, width=4, steps=7, every=2, batch_size=4, scales=(2, 4)
    )
    trace = both.trace("adjustable", 0.1)
    assert trace.steps == (1, 2, 3, 4, 6, 7)
    assert [step for step, _ in trace.psnr] == [0, 2, 4, 6, 7]
    two, four = both._validator.baseline.values()
    assert trace.baseline == pytest.approx((two + four) / 2)
    assert trace.psnr[0][1] == pytest.approx(trace.baseline, abs=0.01)
    assert two > four + 1


def test_a_training_that_diverges_is_a_trace_too():
    wild = ClippingStudy(depth=6, width=8, steps=40, every=2, batch_size=4, scales=(2,))
    trace = wild.trace("none", 10.0)
    assert trace.outcome == f"diverged at step {trace.steps[-1]}"
    assert len(trace.steps) == len(trace.counts) == len(trace.measured)
    assert trace.counts[-1][-1] > 0 or trace.measured[-1]["loss"] > 1e3


def test_the_limits_are_those_of_the_experiment():
    runs = get_experiment("clipping").runs("quick")
    assert {r.training.clipping: r.training.theta for r in runs} == gradients.THETAS


def test_the_same_study_gives_the_same_trace(study):
    again = ClippingStudy(depth=3, width=4, steps=6, every=2, batch_size=4, scales=(2,))
    assert again.trace("adjustable", 0.1) == study.trace("adjustable", 0.1)


def test_a_grid_has_every_rule_at_every_rate(study):
    traces = study.grid(("value", "none"), (0.01, 0.001), thetas={"value": 0.5})
    assert [(t.rule, t.learning_rate) for t in traces] == [
        ("value", 0.01), ("value", 0.001), ("none", 0.01), ("none", 0.001),
    ]  # fmt: skip
    assert traces[0].theta == 0.5


def test_a_monitor_is_told_and_can_stop(study):
    class Impatient(Silent):
        seen: list[int] = []  # noqa: RUF012

        def step(self, record):
            self.seen.append(record["step"])
            self.stop_requested = record["step"] == 3

    monitor = Impatient()
    trace = study.trace("adjustable", 0.1, monitor=monitor)
    assert monitor.seen == [1, 2, 3]
    assert (trace.outcome, trace.steps) == ("stopped", (1, 2, 3))


def test_hooks_are_gone_after_a_training(study, monkeypatch):
    made = []
    original = ClippingStudy._model

    def spy(self):
        made.append(original(self))
        return made[-1]

    monkeypatch.setattr(ClippingStudy, "_model", spy)
    study.trace("adjustable", 0.1)
    assert all(not p._post_accumulate_grad_hooks for p in made[0].parameters())


def test_bad_wishes_are_refused(study):
    with pytest.raises(ValueError, match="clipping must be"):
        study.trace("often", 0.1)
    with pytest.raises(ValueError, match="learning_rate"):
        study.trace("value", 0.0)
    with pytest.raises(ValueError, match="theta"):
        study.trace("value", 0.1, -1.0)
