"""The house style of the lessons, as far as a program can check it.

A lesson is short, mostly prose, and always framed alike. Its first cell holds the
title (the only ``#`` heading). Before the first code cell the text says "you will
do", "you will learn" and "you need", with the minutes on a CPU and on a GPU. A
heading or bold text with the word "Predict" stands before the first recorded claim;
after each such question code runs, and text says what came of it. The last ``##``
headings are Summary, Exercises (with 3 to 5 ``###`` headings or numbered items) and
Sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vdsr_lib.suite.notebooks import Folder, read_source, sources
from vdsr_lib.suite.style_code import CODE_CHECKS, Problem, code_lines, in_words

__all__ = ["TAGS", "check_all", "check_lesson"]

TAGS = frozenset({"parameters", "hide-input", "hide-output", "remove-cell"})
"""The tags that a lesson's cell may carry."""

_TAIL = ("Summary", "Exercises", "Sources")
_OPENING = (
    "you will do",
    "you will learn",
    "you need",
    "minutes",
    "CPU",
    "GPU",
)


def check_all(source_dir: Folder = None) -> list[str]:
    """Check the style of every lesson.

    Parameters
    ----------
    source_dir : path-like, optional
        Default: ``notebooks/source``.

    Returns
    -------
    list of str
        ``"file:cell N: what is wrong"``; empty when all is well.
    """
    known = sources(source_dir)
    every = known[0].parent.glob("*.py")
    misnamed = [f"{p}: not named NN_words.py" for p in every if not _well_named(p)]
    return misnamed + [line for path in known for line in check_lesson(path)]


def check_lesson(source: Path) -> list[str]:
    """Check the style of one lesson.

    Parameters
    ----------
    source : pathlib.Path
        A ``py:percent`` file.

    Returns
    -------
    list of str
        ``"file:cell N: what is wrong"``, cells counted from 1; ``"file: ..."`` for
        what concerns the whole lesson.
    """
    cells = read_source(source).cells
    checks = (_size, _words, _rhythm, _tags, _frame, _predict, _tail, _pictures)
    found = [problem for check in checks for problem in check(cells)]
    found += [problem for check in CODE_CHECKS for problem in check(cells)]
    return in_words(source, found)


def _well_named(path: Path) -> bool:
    return re.fullmatch(r"\d\d(_[a-z0-9]+)+\.py", path.name) is not None


def _size(cells: list[Any]) -> Iterator[Problem]:
    """Keep a lesson between 25 and 60 cells, with at most 150 lines of code."""
    if not 25 <= len(cells) <= 60:
        yield 0, f"has {len(cells)} cells; a lesson has 25 to 60"
    lines = sum(code_lines(cell) for cell in cells)
    if lines > 150:
        yield 0, f"has {lines} lines of code; a lesson has at most 150"
    code = [(n, c) for n, c in enumerate(cells, 1) if c.cell_type == "code"]
    long = [(n, code_lines(cell)) for n, cell in code if code_lines(cell) > 15]
    if len(long) > len(code) / 10:
        for number, length in long:
            yield number, f"has {length} lines of code; nine cells in ten have <= 15"


def _words(cells: list[Any]) -> Iterator[Problem]:
    """Keep the prose between 800 and 2,500 words."""
    words = sum(len(_prose(cell).split()) for cell in cells)
    if not 800 <= words <= 2500:
        yield 0, f"has {words} words of prose; a lesson has 800 to 2,500"


def _rhythm(cells: list[Any]) -> Iterator[Problem]:
    """Want prose before four code cells in five, never three code cells in a row."""
    kinds = [cell.cell_type for cell in cells]
    bare = [
        number
        for number, pair in enumerate(zip(["code", *kinds], kinds, strict=False), 1)
        if pair == ("code", "code")
    ]
    if len(bare) > kinds.count("code") / 5:
        for number in bare:
            yield number, "has no prose before it; four code cells in five have"
    for number in range(3, len(kinds) + 1):
        if kinds[number - 3 : number] == ["code"] * 3:
            yield number, "is the third code cell in a row; say something between"


def _tags(cells: list[Any]) -> Iterator[Problem]:
    """Allow the tags of the short list only."""
    for number, cell in enumerate(cells, 1):
        for tag in cell.metadata.get("tags", []):
            if tag not in TAGS:
                yield number, f"has tag {tag!r}; known: {', '.join(sorted(TAGS))}"


def _frame(cells: list[Any]) -> Iterator[Problem]:
    """Want one title, first of all, then what the lesson does, teaches and needs."""
    titles = [(n, text) for n, level, text in _headings(cells) if level == 1]
    if [number for number, _ in titles] != [1]:
        where = [number for number, _ in titles]
        yield 0, f"one # title belongs into cell 1; there are # titles in {where}"
    opening = ""
    for cell in cells:
        if cell.cell_type == "code":
            break
        opening += " " + " ".join(cell.source.split())
    for phrase in _OPENING:
        plain = re.sub(r"[*_]", "", opening)
        pattern = phrase.replace("you need", "you (will )?need")
        if not re.search(rf"\b{pattern}\b", plain, flags=re.IGNORECASE):
            yield 0, f"the text before the first code cell does not say {phrase!r}"


def _predict(cells: list[Any]) -> Iterator[Problem]:
    """Want a prediction before the first recorded claim, each with its answer."""
    asked = re.compile(r"^(#+ .*|\W*\*\*[^*\n]*|.*\{.*\} *)predict", re.I | re.M)
    prose = [(n, c.source) for n, c in enumerate(cells, 1) if c.cell_type != "code"]
    asks = [number for number, text in prose if asked.search(text)]
    claims = [n for n, c in enumerate(cells, 1) if ".record(" in c.source]
    if not asks:
        yield 0, "asks for no prediction; a heading or bold text says 'Predict'"
        return
    if claims and claims[0] < asks[0]:
        yield claims[0], "records a claim before the reader is asked to predict"
    for ask, end in zip(asks, [*asks[1:], len(cells)], strict=True):
        kinds = [cell.cell_type for cell in cells[ask:end]]  # the next one may answer
        if "code" not in kinds or "markdown" not in kinds[kinds.index("code") :]:
            yield ask, "asks for a prediction that no code and text after it answer"


def _tail(cells: list[Any]) -> Iterator[Problem]:
    """Want Summary, Exercises (3 to 5 of them) and Sources as the last sections."""
    sections = [(n, text) for n, level, text in _headings(cells) if level == 2]
    last = [text for _, text in sections[-3:]]
    if last != list(_TAIL):
        yield 0, f"the last ## headings are {last}; expected {list(_TAIL)}"
        return
    prose = [_without_code(c.source) for c in cells if c.cell_type == "markdown"]
    exercises = re.split(r"^## .*$", "\n".join(prose), flags=re.M)[-2]
    count = len(re.findall(r"^### ", exercises, flags=re.M))
    count = count or len(re.findall(r"^\d+\. ", exercises, flags=re.M))
    if not 3 <= count <= 5:
        yield sections[-2][0], f"has {count} exercises; a lesson has 3 to 5"


def _pictures(cells: list[Any]) -> Iterator[Problem]:
    """Want alternative text for every picture in the prose."""
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "markdown":
            for match in re.finditer(r"!\[\s*\]\(([^)]*)\)", cell.source):
                yield number, f"shows {match[1]} without alternative text"
            for tag in re.findall(r"<img\b[^>]*>", cell.source):
                if not re.search(r"\balt=[\"']\s*[^\s\"']", tag):
                    yield number, f"shows {tag[:40]} without alternative text"


def _headings(cells: list[Any]) -> list[tuple[int, int, str]]:
    """Return cell number, level and text of every heading outside code blocks."""
    return [
        (number, len(match[1]), match[2].strip())
        for number, cell in enumerate(cells, 1)
        if cell.cell_type == "markdown"
        for match in re.finditer(r"^(#+) (.*)$", _without_code(cell.source), re.M)
    ]


def _prose(cell: Any) -> str:
    """Return the words of a markdown cell: no code blocks, formulas or addresses."""
    if cell.cell_type != "markdown":
        return ""
    text = re.sub(r"\$\$.*?\$\$", " ", _without_code(cell.source), flags=re.S)
    text = re.sub(r"https?://\S+", " ", text)
    return re.sub(r"[#*|>`-]+", " ", text)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
