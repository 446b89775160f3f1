"""Parameters in one row: the same objects and values, and nothing shared afterwards."""

from __future__ import annotations

import copy

import pytest
import torch

from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.training import Silent, TrainingConfig, train
from vdsr_lib.training.flat import Flat, FlatParameters, give_own_memory
from vdsr_lib.weights import load_model, save_model


@pytest.fixture
def network() -> VDSR:
    return VDSR(4, 8).to(memory_format=torch.channels_last)


def storages(model: torch.nn.Module) -> set[int]:
    return {p.untyped_storage().data_ptr() for p in model.parameters()}


def test_parts_lie_one_behind_the_other_and_as_they_lay():
    wide = torch.rand(4, 6)[:, ::2]  # every other number: not dense
    turned = torch.rand(2, 3, 5, 5).to(memory_format=torch.channels_last)
    flat = Flat([wide, turned, torch.rand(())])
    assert flat.starts == [0, 12, 162]
    assert flat.row.tolist() == [0] * 163
    assert flat.parts[0].is_contiguous()
    assert flat.parts[1].stride() == turned.stride()
    for number, part in enumerate(flat.parts, 1):
        part.fill_(number)
    assert flat.row.tolist() == [1] * 12 + [2] * 150 + [3]


def test_the_network_is_what_it_was(network):
    ilr = torch.rand(2, 1, 12, 12)
    before, expected = list(network.parameters()), network(ilr)
    layouts = [each.stride() for each in before]
    flat = FlatParameters(network)
    assert all(map(lambda one, other: one is other, before, network.parameters()))
    assert [each.stride() for each in network.parameters()] == layouts
    assert torch.equal(network(ilr), expected)
    assert len(flat.weights.row) == network.parameter_count
    assert storages(network) == {flat.weights.row.untyped_storage().data_ptr()}


def test_the_row_moves_the_network(network):
    flat, ilr = FlatParameters(network), torch.rand(1, 1, 9, 9)
    flat.weights.row.zero_()
    assert torch.equal(network(ilr), ilr)  # no weights, no residual
    with torch.no_grad():
        network.body[-1].bias.fill_(0.25)
    assert flat.weights.row[-1] == 0.25


def test_gradients_are_brought_together_and_taken(network):
    flat, ilr = FlatParameters(network), torch.rand(1, 1, 9, 9)
    network(ilr).square().sum().backward()
    known = [p.grad.clone() for p in network.parameters()]
    flat.collect()
    assert all(map(torch.equal, flat.gradients.parts, known))
    assert all(p.grad is None for p in network.parameters())
    network.body[0].weight.grad = torch.ones(8, 1, 3, 3)
    flat.collect()
    assert flat.gradients.row.sum() == 72  # where there is none, zeros stand


def test_no_gradient_at_all_is_zeros(network):
    flat = FlatParameters(network)
    flat.gradients.row.fill_(3)
    flat.collect()
    assert not flat.gradients.row.any()


def test_what_lies_beside_has_the_parameters_names_and_layouts(network):
    flat = FlatParameters(network)
    low = flat.beside(torch.bfloat16)
    assert low.row.dtype == torch.bfloat16
    named = flat.by_name(low)
    for name, parameter in network.named_parameters():
        assert named[name].stride() == parameter.stride()
        assert named[name].shape == parameter.shape


@pytest.mark.parametrize("network", [SRCNN(), VDSR(3, 4)])
def test_the_last_layer_is_at_the_end(network):
    flat = FlatParameters(network)
    last = network.body[-1]
    count = last.weight.numel() + last.bias.numel()
    assert len(flat.weights.row) - flat.last_layer == count
    flat.weights.row[flat.last_layer :] = 7
    assert bool((last.weight == 7).all())
    assert not bool((network.body[-3].weight == 7).any())


def test_a_last_layer_that_is_frozen_has_no_part(network):
    network.body[-1].requires_grad_(False)
    flat = FlatParameters(network)
    assert flat.last_layer == len(flat.weights.row)
    assert len(flat.named) == 6


def test_with_nothing_to_train_there_is_no_row(network):
    network.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter of the network requires"):
        FlatParameters(network)


def test_several_dtypes_are_refused(network):
    network.body[0].double()
    with pytest.raises(ValueError, match=r"one dtype, got \['torch.float32', 'torch.f"):
        FlatParameters(network)


def test_a_last_layer_tied_to_the_first_is_no_end_of_the_row():
    """Its own bias alone has the last layer's rate."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    network[1].weight = network[0].weight
    flat = FlatParameters(network)
    assert (flat.last_layer, len(flat.weights.row)) == (12, 15)


def test_memory_of_their_own(network):
    flat = FlatParameters(network)
    values = [p.detach().clone() for p in network.parameters()]
    give_own_memory(network)
    flat.weights.row.fill_(9)
    assert all(map(torch.equal, values, network.parameters()))
    assert len(storages(network)) == 8
    assert all(p.is_contiguous() for p in network.parameters())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_leaves_a_network_in_memory_of_its_own(make_model, patches, precision):
    model = make_model()
    before = list(model.parameters())
    config = TrainingConfig.paper(epochs=1, batch_size=20, max_steps=2)
    options = {"device": "cpu", "precision": precision, "monitor": Silent()}
    train(model, patches, config, **options)
    assert all(map(lambda one, other: one is other, before, model.parameters()))
    assert len(storages(model)) == len(before)
    assert all(p.is_contiguous() for p in model.parameters())


def test_who_looks_at_an_epochs_end_can_keep_and_save_what_he_sees(
    make_model, patches, tmp_path
):
    seen = []

    def look(model, row):
        seen.append(copy.deepcopy(model))
        save_model(model, tmp_path / "epoch.safetensors")

    config = TrainingConfig.paper(epochs=2, batch_size=20)
    model = make_model()
    train(model, patches, config, device="cpu", monitor=Silent(), on_epoch=look)
    written = load_model(tmp_path / "epoch.safetensors")
    first, last = (each.body[0].weight for each in seen)
    assert not torch.equal(first, last)
    assert torch.equal(last, model.body[0].weight)
    assert all(map(torch.equal, written.parameters(), model.parameters()))


@pytest.mark.parametrize("averaging", [0.0, 0.9])
@pytest.mark.parametrize(
    "move",
    [
        lambda model: (model.double(), model.float()),
        lambda model: model.to(memory_format=torch.channels_last),
        lambda model: model.double(),
    ],
    ids=["there and back", "layout", "left in float64"],
)
def test_a_network_that_a_callback_moves_is_trained_on(
    make_model, patches, averaging, move
):
    """Whoever looks may move it: the row would go on without it."""
    config = TrainingConfig.paper(epochs=3, batch_size=20, averaging=averaging)
    models = []
    for change in (lambda model: None, move):

        def look(model, *_, change=change):
            change(model)
            return {"psnr": 30.0}

        models.append(make_model())
        watchers = {"monitor": Silent(), "on_epoch": look, "validate": look}
        options = {"device": "cpu", "precision": "float32", **watchers}
        train(models[-1], patches, config, **options)
    plain, moved = (torch.nn.utils.parameters_to_vector(m.parameters()) for m in models)
    assert moved.dtype == torch.float32
    torch.testing.assert_close(moved, plain, rtol=1e-4, atol=1e-6)


def test_layouts_of_buffers_are_given_back(make_model, patches):
    model = make_model()
    model.register_buffer("maps", torch.zeros(2, 3, 4, 4))
    config = TrainingConfig.paper(epochs=1, batch_size=20, max_steps=1)
    train(model, patches, config, device="cpu", precision="bfloat16", monitor=Silent())
    assert model.maps.is_contiguous()
