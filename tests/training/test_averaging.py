"""The average of the weights: against a plain loop, shown, saved and resumed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdsr_lib.models import VDSR
from vdsr_lib.training import Silent, TrainingConfig, train
from vdsr_lib.training.averaging import Average
from vdsr_lib.training.flat import FlatParameters

CONFIG = TrainingConfig.modern(epochs=4, batch_size=20, averaging=0.9)
PLAIN = TrainingConfig.from_dict({**CONFIG.to_dict(), "averaging": 0.0})


def run(model, patches, config=CONFIG, **options):
    given = {"monitor": Silent(), "device": "cpu", "precision": "float32"}
    return train(model, patches, config, **{**given, **options})


def test_the_average_is_that_of_a_plain_loop_in_float64():
    """Steps 0, 1, 2 ... keep 1/10, 2/11, 3/12 ... of the average, 0.3 at most."""
    model = VDSR(2, 3).double()
    average = Average(FlatParameters(model), 0.3)
    generator = torch.Generator().manual_seed(0)
    known = [p.detach().numpy().copy() for p in model.parameters()]
    kept = [0.1, 2 / 11, 0.25, 0.3, 0.3, 0.3]
    for share in kept:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(generator=generator)
        assert average.share() == pytest.approx(1 - share, rel=1e-15)
        average.take(average.share())
        average.count()
        for mean, parameter in zip(known, model.parameters(), strict=True):
            mean[...] = share * mean + (1 - share) * parameter.detach().numpy()
    weights = [p.detach().clone() for p in model.parameters()]
    with average.shown():
        for parameter, mean in zip(model.parameters(), known, strict=True):
            np.testing.assert_allclose(parameter.detach(), mean, rtol=0, atol=1e-14)
    assert all(map(torch.equal, weights, model.parameters()))
    average.settle()
    for parameter, mean in zip(model.parameters(), known, strict=True):
        np.testing.assert_allclose(parameter.detach(), mean, rtol=0, atol=1e-14)


def test_shares_ahead_are_those_that_come():
    average = Average(FlatParameters(VDSR(2, 3)), 0.6)
    ahead = [average.share(step) for step in range(20)]
    coming = []
    for _ in range(20):
        coming.append(average.share())
        average.count()
    assert ahead == coming
    assert coming[-1] == pytest.approx(0.4)


def test_without_an_average_nothing_is_kept_and_nothing_changes():
    model = VDSR(2, 3)
    before = [p.detach().clone() for p in model.parameters()]
    average = Average(FlatParameters(model), 0.0)
    average.take(1.0)
    with average.shown():
        assert all(map(torch.equal, before, model.parameters()))
    average.settle()
    assert average.state() == {}
    assert average.tensors() == []
    assert all(map(torch.equal, before, model.parameters()))


def test_the_result_and_what_is_validated_is_the_average(make_model, patches):
    """And the weights that are trained are those of a run without it."""
    means: list[torch.Tensor] = []
    seen: list[torch.Tensor] = []
    plain, averaged = make_model(), make_model()

    def note(model) -> dict[str, float]:
        """Rebuild the average from the weights of a run that has none."""
        weights = torch.nn.utils.parameters_to_vector(model.parameters())
        kept = min(0.9, (1 + len(means)) / (10 + len(means)))
        last = means[-1] if means else start
        means.append(kept * last + (1 - kept) * weights)
        return {}

    def look(model) -> dict[str, float]:
        seen.append(torch.nn.utils.parameters_to_vector(model.parameters()))
        return {"psnr": 1.0}

    start = torch.nn.utils.parameters_to_vector(plain.parameters()).detach()
    every = {"validate_every": 1}
    one = TrainingConfig.from_dict({**PLAIN.to_dict(), **every})
    other = TrainingConfig.from_dict({**CONFIG.to_dict(), **every})
    ends: list[torch.Tensor] = []
    run(plain, patches, one, validate=note)
    run(
        averaged,
        patches,
        other,
        validate=look,
        on_epoch=lambda m, _: ends.append(next(m.parameters()).detach().clone()),
    )
    assert len(means) == len(seen) == 28
    for mean, found in zip(means, seen, strict=True):
        torch.testing.assert_close(found, mean, rtol=0, atol=1e-6)
    result = torch.nn.utils.parameters_to_vector(averaged.parameters())
    torch.testing.assert_close(result, means[-1], rtol=0, atol=1e-6)
    assert torch.equal(ends[-1], next(averaged.parameters()))
    last = torch.nn.utils.parameters_to_vector(plain.parameters())
    assert (result - last).abs().max() > 1e-5


@pytest.mark.parametrize("stop", [1, 7, 10, 27, 28])
def test_a_run_with_an_average_resumes_to_the_same_bits(
    make_model, patches, recorder, tmp_path, equal_weights, stop
):
    scores = {"validate": lambda m: {"psnr": float(m(patches.ilr[:2]).mean())}}
    whole, resumed, again = make_model(), make_model(seed=99), make_model(seed=98)
    expected = run(whole, patches, **scores)
    broken = run(
        make_model(),
        patches,
        run_dir=tmp_path,
        monitor=recorder(stop_at=stop),
        **scores,
    )
    assert broken.finished == (stop == 28)
    history = run(resumed, patches, run_dir=tmp_path, resume=True, **scores)
    assert equal_weights(whole, resumed)
    assert history.validations == expected.validations
    run(again, patches, run_dir=tmp_path, resume=True, **scores)  # it is over
    assert equal_weights(whole, again)


def test_a_stopped_run_gives_the_average_of_its_steps(make_model, patches, recorder):
    stopped, shorter = make_model(), make_model()
    run(stopped, patches, monitor=recorder(stop_at=9))
    config = TrainingConfig.from_dict({**CONFIG.to_dict(), "max_steps": 9})
    run(shorter, patches, config)
    assert torch.equal(next(stopped.parameters()), next(shorter.parameters()))


def test_a_cosine_never_empties_the_momentum(make_model, patches, equal_weights):
    """Its rate falls at every step, which is no drop: `reset_momentum` says nothing."""
    models = []
    for reset in (True, False):
        changes = {"optimiser": "sgd", "clipping": "adjustable", "learning_rate": 0.1}
        config = TrainingConfig.from_dict(
            {**CONFIG.to_dict(), **changes, "reset_momentum": reset}
        )
        models.append(make_model())
        run(models[-1], patches, config)
    assert equal_weights(*models)
