"""The modes of a network's parts: changed for a while, and back as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluation_mode", "modes_kept"]


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put every module into evaluation mode, and back as each one was.

    Parameters
    ----------
    model : torch.nn.Module
        Parts of it may be in another mode than the whole.

    Yields
    ------
    None
    """
    with modes_kept(model):
        model.eval()
        yield


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Put every module back into the mode that it had, whatever comes between.

    Parameters
    ----------
    model : torch.nn.Module
        Parts of it may be in another mode than the whole.

    Yields
    ------
    None
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
