"""The claims as ``data/claims.toml`` declares them, read and checked."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from vdsr_lib._files import data_file, from_home
from vdsr_lib.errors import ClaimError

__all__ = ["PROFILES", "RELATIONS", "Claim", "Number", "listed", "load_claims"]

PROFILES = ("quick", "classroom", "paper")
RELATIONS = (">", ">=", "<", "<=", "equal", "between")
Number = float | int | bool

_RULES = {"value": ("expected", "tolerance"), "relation": ("relation", "threshold")}
"""What a claim of either kind is judged by; the other kind's has no say."""


@dataclass(frozen=True)
class Claim:
    """One sentence that a lesson claims, and the rule that decides whether it holds.

    Parameters
    ----------
    id : str
        ``"03.residual-leads-early"``: the lesson, a dot, a name.
    sentence : str
        What is claimed, in one plain sentence.
    source : str
        The paper's table and cell, or ``"review: ..."`` or ``"protocol: ..."``.
    kind : {"value", "relation"}
        A value is judged by ``|measured - expected| <= tolerance``, a relation by
        comparing the measurement with the threshold.
    profiles : tuple of str
        The profiles in which the claim is judged; in others it is only shown.
    expected, tolerance, threshold : number, list or mapping
        The rule's numbers, in `unit`; a mapping gives one for each profile.
    relation : str
        One of ``> >= < <= equal between``.
    unit : str
        ``"dB"``, ``"s"``, ``"pixels"`` or empty.
    paper : str
        What the source prints, ready to show.
    recorded : number or None
        The result of the recorded full-scale run; None where it was not run.
    recorded_in : str
        The file below ``data/recorded/`` that holds it.
    """

    id: str
    sentence: str
    source: str
    kind: str
    profiles: tuple[str, ...]
    expected: Any = None
    tolerance: Any = None
    relation: str = ""
    threshold: Any = None
    unit: str = ""
    paper: str = ""
    recorded: Number | None = None
    recorded_in: str = ""

    @property
    def lesson(self) -> str:
        """The lesson's number, for example ``"03"``."""
        return self.id.partition(".")[0]

    def at(self, profile: str) -> Claim:
        """Return the claim with the numbers of one profile.

        In a profile that the claim gives no number for, because it is not judged
        there, the number is None.
        """
        own: dict[str, Any] = {
            name: value.get(profile)
            for name in ("expected", "tolerance", "threshold")
            if isinstance(value := getattr(self, name), Mapping)
        }
        return replace(self, **own)


def load_claims(path: str | os.PathLike[str] | None = None) -> dict[str, Claim]:
    """Read and check the declared claims.

    Parameters
    ----------
    path : path-like, optional
        Default: the file named by the environment variable ``VDSR_CLAIMS_FILE``,
        else the shipped ``data/claims.toml``.

    Returns
    -------
    dict
        Claim id to `Claim`, in the order of the file.

    Raises
    ------
    ClaimError
        If the file is absent or cannot be read, is no TOML, or declares a claim
        wrongly; the text names the file and the claim.
    """
    named = path or os.environ.get("VDSR_CLAIMS_FILE") or data_file("claims.toml")
    file = from_home(named, ClaimError)
    try:
        lessons = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClaimError(f"{file}: there is no such file of claims") from None
    except OSError as error:
        raise ClaimError(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ClaimError(f"{file}: not a TOML file: {error}") from None
    claims = {}
    for lesson, entries in lessons.items():
        if not isinstance(entries, dict):
            raise ClaimError(f"{file}: {lesson!r} is no section such as [03.a-name]")
        for name, entry in entries.items():
            claims[f"{lesson}.{name}"] = _declared(file, f"{lesson}.{name}", entry)
    return claims


def _declared(file: Path, claim_id: str, entry: Any) -> Claim:
    """Build one claim from its table, or say what is wrong with it."""
    where = f"{file}: claim {claim_id}"
    if not isinstance(entry, dict):
        raise ClaimError(f"{where}: expected a table [{claim_id}], got {entry!r}")
    known = {field.name for field in fields(Claim)} - {"id"}
    if unknown := sorted(set(entry) - known):
        raise ClaimError(f"{where}: unknown key {unknown[0]!r}; {listed(known)}")
    for name in ("sentence", "source", "kind", "profiles"):
        if not entry.get(name):
            raise ClaimError(f"{where}: {name!r} is missing")
    if not isinstance(entry["profiles"], list):
        raise ClaimError(f"{where}: profiles must be a list of names")
    claim = Claim(**entry | {"id": claim_id, "profiles": tuple(entry["profiles"])})
    if fault := _fault(claim):
        raise ClaimError(f"{where}: {fault}")
    return claim


def _fault(claim: Claim) -> str:
    """Say what is wrong with a claim, or nothing."""
    if not re.fullmatch(r"\d\d\.[\w-]+", claim.id):
        return "a table is named by lesson and claim, as [03.a-name]"
    for field in fields(Claim):
        value = getattr(claim, field.name)
        if field.type == "str" and not isinstance(value, str):
            return f"{field.name} must be text, got {value!r}"
        named = value if isinstance(value, tuple | Mapping) else ()
        if stray := [name for name in named if name not in PROFILES]:
            return f"{field.name} has {stray[0]!r}; {listed(PROFILES)}"
    if claim.kind not in _RULES:
        return f"kind is {claim.kind!r}; {listed(_RULES)}"
    if claim.recorded is None and claim.recorded_in:
        return "recorded_in names a file, but there is no recorded number"
    if not (claim.recorded is None or _is_finite(claim.recorded)):
        return f"recorded must be a number, got {claim.recorded!r}"
    return _fault_of_rule(claim)


def _fault_of_rule(claim: Claim) -> str:
    """Say what is wrong with the rule of a claim of a known kind, or nothing."""
    [(other, foreign)] = [each for each in _RULES.items() if each[0] != claim.kind]
    for name in foreign:
        if getattr(claim, name) not in (None, ""):
            return f"a {claim.kind} takes no {name}: that is of kind {other!r}"
    if claim.kind == "relation" and claim.relation not in RELATIONS:
        return f"relation is {claim.relation!r}; {listed(RELATIONS)}"
    pair = claim.relation == "between"
    for profile in claim.profiles:
        here = claim.at(profile)
        for name in _RULES[claim.kind]:
            if name != "relation" and not _is_number(getattr(here, name), pair=pair):
                what = "two rising numbers" if pair else "a number"
                return f"{name} must be {what} for profile {profile!r}"
        if claim.kind == "value" and here.tolerance < 0:
            return f"tolerance must not be negative, got {here.tolerance}"
    return ""


def _is_number(value: Any, *, pair: bool) -> bool:
    if pair:
        both = isinstance(value, list) and len(value) == 2
        return both and all(map(_is_finite, value)) and value[0] <= value[1]
    return _is_finite(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def listed(names: Iterable[str]) -> str:
    """Return the end of an error's sentence: the names that would have been right.

    Parameters
    ----------
    names : iterable of str
        In any order.

    Returns
    -------
    str
        ``"known: a, b"``.
    """
    return f"known: {', '.join(sorted(names))}"
