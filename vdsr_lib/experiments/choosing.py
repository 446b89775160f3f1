"""Some of an experiment's runs, by name or by a pattern with ``*`` and ``?``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from vdsr_lib.experiments.declare import Experiment, Run

__all__ = ["chosen_runs", "narrowed"]


def narrowed(
    experiment: Experiment, profile: str, only: str | Iterable[str] | None
) -> Experiment:
    """Return an experiment with some of its runs at one size.

    Parameters
    ----------
    experiment : Experiment
        The whole.
    profile : {"quick", "classroom", "paper"}
        The size at which runs are chosen; the others stay whole.
    only : str or iterable of str or None
        As for `chosen_runs`; None keeps all.

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        If there is no such profile, or a name fits no run.
    """
    if only is None:
        return experiment
    runs = chosen_runs(experiment.runs(profile), only)
    return replace(experiment, sizes={**experiment.sizes, profile: runs})


def chosen_runs(runs: Sequence[Run], only: str | Iterable[str]) -> tuple[Run, ...]:
    """Return those runs that some names or patterns mean, in their own order.

    Parameters
    ----------
    runs : sequence of Run
        All of them.
    only : str or iterable of str
        Names, or patterns such as ``"residual*"``, without regard to case. One text
        may hold several with commas between them, though names have commas of their
        own: ``"residual, rate 0.1, residual, rate 0.01"`` is two runs.

    Returns
    -------
    tuple of Run
        At least one.

    Raises
    ------
    ValueError
        If a name fits no run: the text gives those that are like it.
    """
    texts = [only] if isinstance(only, str) else list(only)
    names = [name for text in texts for name in _split(text, runs)]
    if not names:
        raise ValueError("no run was named: give the name of one, or a pattern")
    return tuple(run for run in runs if any(_fits(run, name) for name in names))


def _split(text: str, runs: Sequence[Run]) -> list[str]:
    """Take a list with commas apart, though names hold commas too.

    The longest piece that means a run is taken, again and again from the left.
    """
    pieces, names = text.split(","), []
    while pieces:
        for count in range(len(pieces), 0, -1):
            name = ",".join(pieces[:count]).strip()
            if any(_fits(run, name) for run in runs):
                break
        else:
            raise ValueError(_unknown(",".join(pieces).strip(), runs))
        names.append(name)
        pieces = pieces[count:]
    return names


def _fits(run: Run, name: str) -> bool:
    return fnmatchcase(run.name.casefold(), name.casefold())


def _unknown(name: str, runs: Sequence[Run]) -> str:
    """Return the sentence about a name that fits no run."""
    known = {run.name.casefold(): run.name for run in runs}
    close = get_close_matches(name.casefold(), list(known), n=3, cutoff=0.5)
    if close:
        guess = " or ".join(repr(known[each]) for each in close)
        return f"no run fits {name!r}; did you mean {guess}?"
    listed = ", ".join(repr(each.name) for each in runs[:12])
    more = f" and {len(runs) - 12} more" if len(runs) > 12 else ""
    return f"no run fits {name!r}; there are {listed}{more}"
