"""What the sections of "Ours against the paper" are made of: cells, tables, counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["NONE", "Count", "duration", "markdown", "section"]

NONE = "not run"
"""What a cell without a number says."""


@dataclass
class Count:
    """How many cells were filled, and by how much ours differ from the paper's."""

    all: int = 0  # filled or not
    differences: list[float] = field(default_factory=list)  # ours less theirs, in dB

    def cell(self, printed: float, ours: float | None, absent: str = NONE) -> str:
        """Return a cell, "37.06 / 37.01", and remember what it says."""
        self.all += 1
        if ours is None:
            return f"{printed:.2f} / {absent}"
        self.differences.append(ours - printed)
        return f"{printed:.2f} / **{ours:.2f}**"

    def sentence(self) -> str:
        """Say how many cells are filled, and how far ours are from the paper's."""
        count = len(self.differences)
        if not count:
            return f"None of the {self.all} cells has been measured yet."
        mean = sum(self.differences) / count
        low, high = min(self.differences), max(self.differences)
        several = f", from {low:+.2f} to {high:+.2f} dB" if count > 1 else ""
        return (
            f"{count} of {self.all} cells are measured; ours minus the paper's is "
            f"{mean:+.2f} dB {'on average' if count > 1 else 'there'}{several}."
        )


def duration(seconds: float) -> str:
    """Return a time in a unit that suits it: ``"45 s"``, ``"83 min"``, ``"2.6 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def section(
    title: str,
    text: str,
    table: tuple[Sequence[str], Sequence[Sequence[object]]],
    count: Count,
    *,
    how: bool = True,
) -> str:
    """Return a section as Markdown: its heading, a text with the count, heads and rows.

    `how` says that the last cell of each row is the command that made it.
    """
    heads, rows = table
    if how:
        heads = [*heads, "made by"]
    return f"## {title}\n\n{text} {count.sentence()}\n\n{markdown(heads, rows)}"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
