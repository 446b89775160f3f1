"""Some of an experiment's runs, by name or by a pattern with ``*`` and ``?``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache

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
        own: ``"residual, rate 0.1, residual, rate 0.01"`` is two runs. A comma that
        may stand between two patterns does: ``"residual*, *0.1"`` is a list.

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

    A run's own name is taken whole, the longest first; a pattern ends at the first
    comma after which the rest means runs as well.
    """
    pieces = text.split(",")
    known = {run.name.casefold() for run in runs}

    @cache
    def names(first: int) -> list[str] | str:
        """Return the names from a piece on, or the sentence about what fits no run."""
        if first == len(pieces):
            return []
        ends = range(first + 1, len(pieces) + 1)
        starts = {",".join(pieces[first:end]).strip(): end for end in ends}
        fitting = [name for name in starts if any(_fits(run, name) for run in runs)]
        whole = [name for name in fitting if name.casefold() in known]
        problem = ""
        for name in dict.fromkeys((*reversed(whole), *fitting)):
            others = names(starts[name])
            if isinstance(others, list):
                return [name, *others]
            problem = problem or others
        return problem or _unknown(list(starts)[-1], runs)

    found = names(0)
    if isinstance(found, str):
        raise ValueError(found)
    return found


def _fits(run: Run, name: str) -> bool:
    own, asked = run.name.casefold(), name.casefold()
    return own == asked or fnmatchcase(own, asked)  # a name may have brackets


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
