"""Random numbers of a run's own: seeded, saved with it, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["own_randomness", "random_states", "restore_random_states"]


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators inside the context, and put them back after it.

    Layers that draw random numbers, such as dropout, depend on them. The order of the
    patches does not.

    Parameters
    ----------
    seed : int
        For the CPU's generator and the device's.
    device : torch.device
        Where the run computes.

    Yields
    ------
    None
    """
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of the generators that `own_randomness` seeds.

    Parameters
    ----------
    device : torch.device
        Where the run computes.

    Returns
    -------
    dict of str to torch.Tensor
        ``cpu``, and ``cuda`` on a GPU; uint8.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_states(
    states: dict[str, torch.Tensor], device: torch.device
) -> None:
    """Put back what `random_states` returned.

    Parameters
    ----------
    states : dict of str to torch.Tensor
        Of the same kind of device, or of another: what is missing stays as it is.
    device : torch.device
        Where the run computes now.
    """
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
