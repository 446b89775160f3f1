"""How a learning rate goes along the epochs, as functions of time.

Time is counted in epochs from 0: the third quarter of the first epoch is 0.75.
"""

from __future__ import annotations

import math

__all__ = ["cosine", "middles", "steps", "warmed_up"]


def middles(count: int) -> list[float]:
    """Return the moments at which the steps of an epoch ask for their rate.

    Parameters
    ----------
    count : int
        Steps in the epoch.

    Returns
    -------
    list of float
        The middle of each step, in (0, 1): a rate that begins or ends at 0 is never
        asked for there.
    """
    return [(step + 0.5) / count for step in range(count)]


def steps(highest: float, epoch: int, every: int, divisor: float) -> float:
    """Return a rate that is divided again and again.

    Parameters
    ----------
    highest : float
        The rate of the first epochs.
    epoch : int
        Counted from 1.
    every : int
        Epochs at one rate.
    divisor : float
        By what it is divided then.

    Returns
    -------
    float

    Notes
    -----
    Kim et al. 2016, section 5.2: 0.1, divided by 10 every 20 epochs.
    """
    return highest / divisor ** ((epoch - 1) // every)


def cosine(highest: float, moment: float, *, first: float, last: float) -> float:
    """Return a rate that falls along half a cosine, from `highest` to 0.

    Parameters
    ----------
    highest : float
        The rate until `first`.
    moment : float
        The time, in epochs.
    first, last : float
        Where it begins to fall, and where it reaches 0.

    Returns
    -------
    float
        In [0, highest].

    Notes
    -----
    Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts.
    """
    passed = min(1.0, max(0.0, (moment - first) / (last - first)))
    return highest * (1 + math.cos(math.pi * passed)) / 2


def warmed_up(rate: float, moment: float, length: float) -> float:
    """Return a rate that rises in a straight line before it is what it is.

    Parameters
    ----------
    rate : float
        Without the rise.
    moment : float
        The time, in epochs.
    length : float
        Of the rise, in epochs; 0 for none.

    Returns
    -------
    float
    """
    return rate * moment / length if moment < length else rate
