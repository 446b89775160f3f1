"""The JSON file of an experiment: small, and laid out so that a person can read it.

A column of numbers is one line, and so is a row of the table. Numbers are rounded to
what they are good for: the decibels of a table to 0.0001 and those of a curve to 0.001,
losses and gradients to four digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vdsr_lib.training import History

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.training.history import Row

__all__ = [
    "columns",
    "history_columns",
    "read_history",
    "readable",
    "require_names",
    "require_provenance",
    "rounded_rows",
]

_WIDTH = 88
_SCORES = ("psnr", "ssim")  # how the columns of a validation begin
_DECIMALS = {"clipped_share": 3, "seconds": 2}
_CURVE = 3  # decimals of a curve's decibels
_DIGITS = {"loss": 4, "gradient_norm": 4, "learning_rate": 6}


def readable(content: Any) -> str:
    """Write JSON with a line for each thing that a reader looks at.

    Parameters
    ----------
    content : object
        What JSON can hold, without NaN.

    Returns
    -------
    str
        Strict JSON, ending in a newline. What fits into 88 columns is one line, and so
        is a list of numbers, however long.

    Raises
    ------
    ValueError
        If there is a NaN or an infinite number.
    """
    return "\n".join(_lines(content, "", "")) + "\n"


def columns(rows: Iterable[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns of rounded numbers.

    Parameters
    ----------
    rows : iterable of mapping
        Those of a table or a history; a row may lack a value.

    Returns
    -------
    dict of str to list
        One item a row: numbers as JSON takes them, None for what is lost or lacking.
    """
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_rounded(name, row.get(name)) for row in rows] for name in names}


def history_columns(history: History) -> dict[str, list[Any]]:
    """Turn the epochs of a history into columns, without the validation's scores.

    Parameters
    ----------
    history : History
        Its scores are those of the validations, which are kept apart.

    Returns
    -------
    dict of str to list
        ``epoch``, ``step``, ``learning_rate``, ``loss``, ``gradient_norm``,
        ``clipped_share``, ``seconds``: one item an epoch.
    """
    found = columns(history.epochs)
    return {n: values for n, values in found.items() if not n.startswith(_SCORES)}


def read_history(
    epochs: Mapping[str, list[Any]],
    curve: Mapping[str, list[Any]],
    *,
    finished: bool,
    precision: str,
    trace: Mapping[str, list[Any]] | None = None,
) -> History:
    """Put a history together again.

    Parameters
    ----------
    epochs : mapping
        What `history_columns` gave.
    curve : mapping
        The validations as columns: ``epoch``, ``step`` and the scores.
    finished, precision
        As in `History`.
    trace : mapping, optional
        Its steps as columns, of a run that kept them.

    Returns
    -------
    History
        An epoch that was validated at its end has the scores in its row.

    Raises
    ------
    ValueError
        If columns differ in length.
    """
    validations = _rows(curve)
    scores = {row["step"]: row for row in validations}
    rows = [scores.get(row["step"], {}) | row for row in _rows(epochs)]
    return History(rows, validations, finished, precision, _rows(trace or {}))


def rounded_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON holds them.

    Parameters
    ----------
    table : pandas.DataFrame
        That of an experiment.

    Returns
    -------
    list of dict
        Decibels and SSIM to four decimals, None for NaN; what a row has no value for
        is left out of it.
    """
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    always = {"psnr", "ssim", "bicubic"}
    return [
        {
            name: _rounded(name, value)
            for name, value in row.items()
            if value is not None or name in always
        }
        for row in rows
    ]


def _rows(found: Mapping[str, list[Any]]) -> list[Row]:
    names = list(found)
    return [
        {n: math.nan if v is None else v for n, v in zip(names, values, strict=True)}
        for values in zip(*found.values(), strict=True)
    ]


def _rounded(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    if name in _DIGITS:
        return float(f"{value:.{_DIGITS[name]}g}")
    score = name.startswith("psnr_")  # the table's column is "psnr"
    return round(value, _CURVE if score else _DECIMALS.get(name, 4))


def _lines(value: Any, indent: str, lead: str) -> list[str]:
    """Return the lines of a value; the first begins with `indent` and `lead`."""
    flat = json.dumps(value, allow_nan=False, ensure_ascii=False)
    whole = f"{indent}{lead}{flat}"
    if not isinstance(value, dict | list) or not value:
        return [whole]
    column = isinstance(value, list) and not any(
        isinstance(item, dict | list) for item in value
    )
    if column or len(whole) <= _WIDTH:
        return [whole]
    inner: list[str] = []
    items = value.items() if isinstance(value, dict) else ((None, v) for v in value)
    for name, item in items:
        name_too = "" if name is None else f"{json.dumps(name, ensure_ascii=False)}: "
        found = (
            _lines(item, indent + " ", name_too)
            if name is not None or not _is_flat(item)
            else [f"{indent} {json.dumps(item, allow_nan=False, ensure_ascii=False)}"]
        )
        inner += [*found[:-1], found[-1] + ","]
    inner[-1] = inner[-1].removesuffix(",")
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return [f"{indent}{lead}{opening}", *inner, f"{indent}{closing}"]


def _is_flat(value: Any) -> bool:
    """Whether a row of a table may be one line, however long."""
    items = value.values() if isinstance(value, dict) else ()
    return not any(isinstance(item, dict | list) for item in items)


def require_names(content: Container[Any], names: Iterable[str]) -> None:
    """Refuse what was read if a part of it is missing.

    Parameters
    ----------
    content : container
        A mapping, or a table.
    names : iterable of str
        Keys, or columns, that it must have.

    Raises
    ------
    ValueError
        If one is missing; it names all that are.
    """
    if absent := [name for name in names if name not in content]:
        raise ValueError(f"without {', '.join(absent)}")


def require_provenance(provenance: Mapping[str, Any]) -> None:
    """Refuse the provenance of a run that was read, if a part of it is missing.

    Parameters
    ----------
    provenance : mapping
        Machine, precision, seconds and date.

    Raises
    ------
    ValueError
        If one is missing, or what a machine is called by.
    """
    require_names(provenance, ("machine", "precision", "seconds", "date"))
    require_names(provenance["machine"], ("cpu", "device", "torch"))
