"""The mode in which a network is measured and used, and back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluation_mode"]


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
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
