"""A measurement beside its claim: the verdict, and how it is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from vdsr_lib.claims.declared import Claim, Number

__all__ = ["Judgement", "judge", "quantity", "rule_text"]


@dataclass(frozen=True)
class Judgement:
    """A measurement beside its claim, with the verdict; it shows itself in a notebook.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    profile : str
        Where it was measured.
    measured : float, int or bool
        In the claim's unit.
    verdict : str
        ``"holds"``, ``"fails"`` or ``"not judged"`` (the profile is not one of the
        claim's).
    note : str
        The lesson's remark, for example what was trained.
    """

    claim: Claim
    profile: str
    measured: Number
    verdict: str
    note: str = ""

    def __bool__(self) -> bool:
        """Whether nothing speaks against the claim."""
        return self.verdict != "fails"

    def __repr__(self) -> str:
        return f"{self.verdict.capitalize()}. {self._sentence()}"

    def _repr_markdown_(self) -> str:
        return f"**{self.verdict.capitalize()}.** {self._sentence()}"

    def _repr_html_(self) -> str:
        colour = {"holds": "#2e7d32", "fails": "#c62828"}.get(self.verdict, "#757575")
        style = f"border-left: 0.3em solid {colour}; margin: 0; padding: 0.3em 0.8em"
        word = f"<strong>{self.verdict.capitalize()}.</strong>"
        return f'<p style="{style}">{word} {escape(self._sentence())}</p>'

    def _sentence(self) -> str:
        """Say the claim, the source's number, ours and the rule, in one line."""
        claim = self.claim
        asked = "not judged at this profile"
        if self.verdict != "not judged":
            asked = f"asked for: {rule_text(claim, self.profile)}"
        source = claim.source if ": " in claim.source else f"source: {claim.source}"
        if claim.paper:
            source = f"printed: {claim.paper} ({claim.source})"
        measured = f"Measured here: {quantity(self.measured, claim.unit)}"
        return f"{claim.sentence} {measured}; {asked}; {source}."


def judge(claim: Claim, measured: Number, profile: str, note: str = "") -> Judgement:
    """Judge one measurement.

    Parameters
    ----------
    claim : Claim
        What is claimed, and its rule.
    measured : float, int or bool
        In the claim's unit. NaN never holds.
    profile : {"quick", "classroom", "paper"}
    note : str, optional
        The lesson's remark.

    Returns
    -------
    Judgement
    """
    if profile not in claim.profiles:
        return Judgement(claim, profile, measured, "not judged", note)
    holds = not math.isnan(measured) and _holds(claim.at(profile), measured)
    return Judgement(claim, profile, measured, "holds" if holds else "fails", note)


def _holds(claim: Claim, measured: Number) -> bool:
    """Apply the rule of a claim whose numbers are those of one profile."""
    if claim.kind == "value":
        # The hair's breadth lets 37.2 pass as 37.05 give or take 0.15.
        slack = 1e-9 * max(abs(claim.expected), abs(claim.tolerance))
        return bool(abs(measured - claim.expected) <= claim.tolerance + slack)
    limit = claim.threshold
    if claim.relation == "between":
        return bool(limit[0] <= measured <= limit[1])
    verdicts = {
        ">": lambda: measured > limit,
        ">=": lambda: measured >= limit,
        "<": lambda: measured < limit,
        "<=": lambda: measured <= limit,
        "equal": lambda: measured == limit,
    }
    return bool(verdicts[claim.relation]())


def quantity(value: Number | None, unit: str = "") -> str:
    """Return a number with its unit, ready to read: ``"36.90 dB"``, ``"yes"``.

    Parameters
    ----------
    value : float, int, bool or None
        None stands for a number that there is not: ``"not run"``.
    unit : str, optional
        Written after the number, but not after a word.

    Returns
    -------
    str
    """
    if value is None:
        return "not run"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        text = f"{value:,}"
    else:
        text = f"{value:.2f}" if 1 <= abs(value) < 1e5 else _short(value)
    return f"{text} {unit}".rstrip()


def _short(value: float) -> str:
    """Return three digits of a number, a power of ten as print has it."""
    digits, _, power = f"{value:.3g}".partition("e")
    if not power:
        return digits
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} \N{MULTIPLICATION SIGN} 10{raised}"


def rule_text(claim: Claim, profile: str) -> str:
    """Return a claim's rule in words: ``"37.05 dB, give or take 0.15 dB"``.

    Parameters
    ----------
    claim : Claim
        What is claimed, and its rule.
    profile : {"quick", "classroom", "paper"}
        One that the claim is judged in.

    Returns
    -------
    str
    """
    here, unit = claim.at(profile), claim.unit
    if here.kind == "value" and here.tolerance == 0:
        return f"exactly {quantity(here.expected, unit)}"
    if here.kind == "value":
        near = quantity(here.tolerance, unit)
        return f"{quantity(here.expected, unit)}, give or take {near}"
    if here.relation == "between":
        low, high = here.threshold
        return f"between {quantity(low)} and {quantity(high, unit)}"
    words = {">": "more than ", ">=": "at least ", "<": "less than ", "<=": "at most "}
    return words.get(here.relation, "exactly ") + quantity(here.threshold, unit)
