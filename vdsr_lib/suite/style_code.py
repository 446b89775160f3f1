"""The style of a lesson's code cells, read from their syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

__all__ = ["CODE_CHECKS", "PARAMETERS", "Problem", "code_lines"]

Problem = tuple[int, str]
"""The cell's number, counted from 1 (0: the whole lesson), and what is wrong."""

PARAMETERS = ("profile", "device", "seed", "output_dir")
"""The names that the parameters cell sets, in this order."""

_BOILERPLATE = {
    r"\bpip3? install\b": "installs a package; the environment does that",
    r"\bfigsize\b": "sets figsize; the style file does that",
    r"\brcParams\b|\brc\(": "sets matplotlib's style; figures.use_style() does that",
    r"\bfont(size|family|dict|properties)?\s*=": "sets a font; the style file does",
    r"\bmanual_seed(_all)?\(|\brandom\.seed\(": "sets a seed; the library does that",
    r"\burlretrieve\(|\burlopen\(|\brequests\.": "downloads; vdsr_lib.fetch does that",
}

_NO_FIGURE = (
    "figures.show",
    "figures.use_style",
    "figures.differing_boxes",
    "plt.show",  # which has a check of its own
)


def code_lines(cell: Any) -> int:
    """Count the lines of a code cell that are neither blank nor only a comment.

    Parameters
    ----------
    cell : nbformat.NotebookNode
        Of any kind.

    Returns
    -------
    int
        0 for other kinds of cell.
    """
    if cell.cell_type != "code":
        return 0
    lines = (line.strip() for line in cell.source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def in_words(source: Path, found: Iterable[Problem]) -> list[str]:
    """Return problems with the file and the cell of each, in the order of the cells."""
    return [
        f"{source}:cell {number}: {text}" if number else f"{source}: {text}"
        for number, text in sorted(found, key=lambda problem: problem[0])
    ]


def _lines(cells: list[Any]) -> Iterator[Problem]:
    """Keep lines within 79 columns of the source; links and tables may be longer."""
    for number, cell in enumerate(cells, 1):
        markdown = cell.cell_type == "markdown"
        for line in cell.source.splitlines():
            if markdown and ("://" in line or line.lstrip().startswith("|")):
                continue
            width = len(line) + 2 * markdown
            if width > 79:
                yield number, f"has a line of {width} columns; at most 79: {line[:40]}"


def _trees(cells: list[Any]) -> Iterator[tuple[int, ast.Module]]:
    """Parse the code cells; those that are no Python are reported by `_python`."""
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code":
            try:
                yield number, ast.parse(cell.source)
            except SyntaxError:
                continue


def _python(cells: list[Any]) -> Iterator[Problem]:
    """Want plain Python: no magics, no shell lines."""
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "code":
            continue
        if re.search(r"^\s*[!%]", cell.source, flags=re.M):
            yield number, "holds a magic or a shell line; a lesson is plain Python"
        else:
            try:
                ast.parse(cell.source)
            except SyntaxError as error:
                yield number, f"is no Python: {error}"


def _definitions(cells: list[Any]) -> Iterator[Problem]:
    """Keep functions and classes to a quarter of the code."""
    defined = sum(
        (node.end_lineno or 0) - node.lineno + 1
        for _, tree in _trees(cells)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    total = sum(code_lines(cell) for cell in cells)
    if defined > total / 4:
        yield 0, f"defines in {defined} of {total} lines of code; at most a quarter"


def _parameters(cells: list[Any]) -> Iterator[Problem]:
    """Want one parameters cell: the four names, in order, with literal values."""
    tagged = [
        (number, cell)
        for number, cell in enumerate(cells, 1)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if len(tagged) != 1:
        yield 0, f"has {len(tagged)} cells tagged 'parameters'; a lesson has one"
        return
    number, cell = tagged[0]
    names = []
    for _, tree in _trees([cell]):
        for node in tree.body:
            if not _is_literal_assignment(node):
                yield number, f"holds more than name = literal: {ast.unparse(node)}"
                continue
            names += [ast.unparse(target) for target in getattr(node, "targets", [])]
    if tuple(names) != PARAMETERS:
        yield number, f"sets {', '.join(names)}; expected {', '.join(PARAMETERS)}"


def _is_literal_assignment(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    return isinstance(node.value, ast.Constant)


def _imports(cells: list[Any]) -> Iterator[Problem]:
    """Want all imports in one cell."""
    importing = [
        number
        for number, tree in _trees(cells)
        if any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(tree))
    ]
    for number in importing[1:]:
        yield number, f"imports; the imports stand in cell {importing[0]}"


def _boilerplate(cells: list[Any]) -> Iterator[Problem]:
    """Leave to the library what the library does."""
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code":
            for pattern, text in _BOILERPLATE.items():
                if re.search(pattern, cell.source):
                    yield number, text


def _figures(cells: list[Any]) -> Iterator[Problem]:
    """Want every figure shown through figures.show, with alternative text."""
    made: set[str] = set()  # names that a figure was given
    for number, tree in _trees(cells):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name == "figures.show" and not _has_alt(call):
                yield number, "shows a figure without alt='...'"
            if re.fullmatch(r"(plt|pyplot|fig|figure)\.show", name):
                yield number, f"calls {name}; figures.show shows it with its alt text"
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and _makes_figure(node.value):
                made.update(map(ast.unparse, node.targets))
        for value in _displayed(tree):
            if _makes_figure(value):
                what = f"what {ast.unparse(value.func)} returns"
            elif (what := ast.unparse(value)) not in made:
                continue
            yield number, f"shows {what}; use figures.show(..., alt=)"


def _displayed(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield what a cell shows by itself: its last expression, and by display()."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "display":
            yield from node.args
    if tree.body and isinstance(last := tree.body[-1], ast.Expr):
        yield last.value


def _makes_figure(value: ast.expr) -> TypeGuard[ast.Call]:
    """Whether an expression is a call that returns a figure, or draws one."""
    if not isinstance(value, ast.Call):
        return False
    name = ast.unparse(value.func)
    return name.startswith(("figures.", "plt.")) and name not in _NO_FIGURE


def _has_alt(call: ast.Call) -> bool:
    """Whether a call has alternative text that is not plainly empty."""
    for keyword in call.keywords:
        if keyword.arg == "alt":
            value = keyword.value
            return not (
                isinstance(value, ast.Constant) and not str(value.value or "").strip()
            )
    return False


CODE_CHECKS: tuple[Callable[[list[Any]], Iterator[Problem]], ...] = (
    _lines,
    _python,
    _definitions,
    _parameters,
    _imports,
    _boilerplate,
    _figures,
)
