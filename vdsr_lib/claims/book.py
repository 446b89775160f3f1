"""The book in which a lesson records what it measured."""

from __future__ import annotations

import json
import math
import os
import sys
from html import escape
from typing import Any

from vdsr_lib._files import from_home, write_atomically
from vdsr_lib.claims.declared import PROFILES, Number, listed, load_claims
from vdsr_lib.claims.judging import Judgement, judge
from vdsr_lib.errors import ClaimError

__all__ = ["ClaimBook", "read_records"]


class ClaimBook:
    """The claims of one lesson: record a measurement, see the verdict.

    Parameters
    ----------
    lesson : str
        The lesson's number, for example ``"03"``.
    profile : {"quick", "classroom", "paper"}
    output_dir : path-like
        Measurements are written to ``{output_dir}/claims/{lesson}.json``, whole or
        not at all; what an earlier run left there is forgotten first.
    declarations : path-like, optional
        Another ``claims.toml``; see `load_claims`.

    Raises
    ------
    ClaimError
        If nothing is declared for the lesson, or the profile is unknown.

    Examples
    --------
    >>> book = ClaimBook("03", "quick", "results")  # doctest: +SKIP
    >>> book.record("residual-leads-early", 14.8)  # doctest: +SKIP
    Holds. The residual network is ahead. Measured here: 14.80 dB; asked for: ...
    """

    def __init__(
        self,
        lesson: str,
        profile: str,
        output_dir: str | os.PathLike[str],
        *,
        declarations: str | os.PathLike[str] | None = None,
    ) -> None:
        if profile not in PROFILES:
            raise ClaimError(f"profile is {profile!r}; {listed(PROFILES)}")
        everything = load_claims(declarations)
        self.claims = {k: c for k, c in everything.items() if c.lesson == lesson}
        if not self.claims:
            lessons = {claim.lesson for claim in everything.values()}
            raise ClaimError(f"no claim of lesson {lesson!r}; {listed(lessons)}")
        self.lesson, self.profile = lesson, profile
        self.path = from_home(output_dir, ClaimError) / "claims" / f"{lesson}.json"
        self.judgements: dict[str, Judgement] = {}
        self._cells: dict[str, tuple[str, int] | None] = {}
        self._write()

    def record(self, claim_id: str, measured: Any, *, note: str = "") -> Judgement:
        """Record what was measured for a claim, and judge it.

        Running the same notebook cell again replaces the number; recording a claim
        in a second place is an error.

        Parameters
        ----------
        claim_id : str
            ``"residual-leads-early"`` or, in full, ``"03.residual-leads-early"``.
        measured : float, int, bool, or an array or tensor of one element
            In the claim's unit. NaN is taken, and fails.
        note : str, optional
            A remark for the report.

        Returns
        -------
        Judgement
            Shows itself as one line. Nothing is raised when the claim fails: the
            lesson goes on, and the suite reports it.

        Raises
        ------
        ClaimError
            If the claim is unknown or already recorded.
        TypeError
            If `measured` is no number.
        """
        full = claim_id if "." in claim_id else f"{self.lesson}.{claim_id}"
        if full not in self.claims:
            ids = {name.partition(".")[2] for name in self.claims}
            raise ClaimError(
                f"unknown claim {claim_id!r} in lesson {self.lesson}; {listed(ids)}"
            )
        cell = _running_cell()
        if full in self.judgements and not _run_again(self._cells[full], cell):
            raise ClaimError(
                f"claim {full!r} is recorded twice; first: {self.judgements[full]!r}"
            )
        self._cells[full] = cell
        value = _scalar(measured, full)
        judgement = judge(self.claims[full], value, self.profile, note)
        self.judgements[full] = judgement
        self._write()
        return judgement

    @property
    def missing(self) -> list[str]:
        """The ids that this profile judges and that are not recorded yet."""
        return [
            claim_id
            for claim_id, claim in self.claims.items()
            if self.profile in claim.profiles and claim_id not in self.judgements
        ]

    def __repr__(self) -> str:
        lines = [repr(judgement) for judgement in self.judgements.values()]
        lines += [f"Not measured yet: {self.claims[n].sentence}" for n in self.missing]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = "".join(j._repr_html_() for j in self.judgements.values())
        waiting = [
            f"<p>Not measured yet: {escape(self.claims[n].sentence)}</p>"
            for n in self.missing
        ]
        return shown + "".join(waiting)

    def _write(self) -> None:
        """Write the measurements as they are now."""
        records = [
            {
                "id": name,
                "measured": _plain(j.measured),
                "note": j.note,
                "execution_count": cell[1] if (cell := self._cells[name]) else None,
            }
            for name, j in self.judgements.items()
        ]
        head = {"format": 1, "lesson": self.lesson, "profile": self.profile}
        text = json.dumps(head | {"records": records}, indent=1, allow_nan=False)
        write_atomically(self.path, text + "\n")


def read_records(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the measurements that a `ClaimBook` wrote.

    Parameters
    ----------
    path : path-like
        ``{output_dir}/claims/{lesson}.json``.

    Returns
    -------
    dict
        ``lesson``, ``profile`` and ``records``, a list of ``id``, ``measured``
        (a number; NaN where the file says ``"nan"``), ``note``, and
        ``execution_count``: of the notebook cell that recorded it, if one did.

    Raises
    ------
    ClaimError
        If the file is absent or was not written by a `ClaimBook`.
    """
    try:
        content: dict[str, Any] = json.loads(
            from_home(path, ClaimError).read_text(encoding="utf-8")
        )
        records = [
            r | {"id": str(r["id"]), "measured": _number(r["measured"])}
            for r in content["records"]
        ]
        return content | {"records": records}
    except FileNotFoundError:
        raise ClaimError(f"{path}: no claim was recorded") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ClaimError(f"{path}: not a file of recorded claims: {error}") from None


def _scalar(measured: Any, claim_id: str) -> Number:
    """Take the number out of a NumPy, torch or Python scalar."""
    try:
        value = measured.item() if hasattr(measured, "item") else measured
    except (ValueError, RuntimeError):  # more than one element
        value = None
    if isinstance(value, bool | int | float):
        return value
    raise TypeError(f"claim {claim_id!r}: expected a number, got {measured!r}")


def _plain(value: Number) -> Number | str:
    """Return what JSON can hold: ``"nan"`` and ``"inf"`` are words there."""
    return value if math.isfinite(value) else str(value)


def _number(value: Any) -> Number:
    """Undo `_plain`."""
    return float(value) if isinstance(value, str) else _scalar(value, "?")


def _running_cell() -> tuple[str, int] | None:
    """Return source and number of the notebook cell that is running, if one is."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    if shell is None:
        return None
    # execution_count may be the next cell's: IPython 9.18 counts before it runs one
    return shell.user_ns.get("In", [""])[-1], shell.displayhook.prompt_count


def _run_again(before: tuple[str, int] | None, now: tuple[str, int] | None) -> bool:
    """Whether the reader ran the same cell once more."""
    both = before is not None and now is not None
    return both and before[0] == now[0] and before[1] != now[1]  # type: ignore[index]
