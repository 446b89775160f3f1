"""Lessons are written as ``py:percent`` text; the notebooks are generated from it.

The same source always gives the same bytes: cell ids come from the cells' content,
and nothing of the machine is written. Each notebook carries a digest of its source
and one of its own cells, so that a check can tell a stale copy from one that was
edited by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vdsr_lib._files import from_home, notebooks_dir, write_atomically
from vdsr_lib.errors import LabError

__all__ = ["as_notebook", "build", "check", "generate", "read_source", "sources"]

Folder = str | os.PathLike[str] | None


def sources(folder: Folder = None) -> list[Path]:
    """Return the lesson sources ``NN_name.py`` in order.

    Parameters
    ----------
    folder : path-like, optional
        Default: ``notebooks/source`` of this checkout.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    LabError
        If there is no such folder, or no source in it.
    """
    where = from_home(folder) if folder is not None else notebooks_dir() / "source"
    if not where.is_dir():
        raise LabError(f"{where}: there is no such folder of lesson sources")
    if not (found := sorted(where.glob("[0-9][0-9]_*.py"))):
        raise LabError(f"{where}: holds no lesson source NN_name.py")
    return found


def read_source(source: Path) -> Any:
    """Read one lesson source.

    Parameters
    ----------
    source : pathlib.Path
        A ``py:percent`` file.

    Returns
    -------
    nbformat.NotebookNode
        Cells with their tags; no outputs, no metadata of the notebook.

    Raises
    ------
    LabError
        If the file is not UTF-8, holds no cell, or one that no notebook can have.
    """
    import jupytext
    from nbformat import ValidationError

    try:
        notebook = jupytext.reads(source.read_text("utf-8"), fmt="py:percent")
    except UnicodeDecodeError as error:
        raise LabError(f"{source}: not UTF-8: {error}") from None
    except ValidationError as error:  # a tag that a cell has twice, for one
        raise LabError(f"{source}: {error.message}") from None
    if not notebook.cells:
        raise LabError(f"{source}: holds no cell; begin one with '# %%'")
    return notebook


def generate(source: Path) -> str:
    """Return the text of the notebook that a lesson source gives.

    Parameters
    ----------
    source : pathlib.Path
        A ``py:percent`` file.

    Returns
    -------
    str
        The ``.ipynb``: without outputs, the same for the same source everywhere.
    """
    return as_notebook(
        read_source(source).cells, source, origin=f"source/{source.name}"
    )


def as_notebook(
    cells: list[Any],
    source: Path,
    *,
    origin: str,
    extra: Callable[[Any, str], dict[str, Any]] | None = None,
) -> str:
    """Return the text of the notebook that holds these cells.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        As `read_source` gives them, perhaps with other texts.
    source : pathlib.Path
        The file they come from; its digest is noted.
    origin : str
        Where that file is, as the notebook's reader sees it.
    extra : callable, optional
        Given a cell and its id, returns metadata to add to it.

    Returns
    -------
    str
        The ``.ipynb``, without outputs.
    """
    import nbformat

    plain = _cells(cells)
    if extra is not None:
        for cell, entry in zip(cells, plain, strict=True):
            entry["metadata"] |= extra(cell, entry["id"])
    origins = {
        "source": origin,
        "source_sha256": _digest(source.read_text("utf-8")),
        "cells_sha256": _cells_digest(plain),
    }
    metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
        "vdsr_lib": origins,
    }
    notebook = {
        "cells": plain,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    nbformat.validate(nbformat.from_dict(notebook))
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def build(
    source_dir: Folder = None,
    target_dir: Folder = None,
    *,
    force: bool = False,
    make: Callable[[Path], str] = generate,
) -> list[Path]:
    """Generate the notebooks that are absent or differ from their source.

    Parameters
    ----------
    source_dir, target_dir : path-like, optional
        Default: ``notebooks/source`` and ``notebooks``.
    force : bool
        Overwrite notebooks that were edited by hand, too.
    make : callable
        What makes a notebook's text of a source.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    LabError
        If a notebook was edited by hand; nothing is written then.
    """
    target = from_home(target_dir) if target_dir is not None else notebooks_dir()
    texts = {target / f"{s.stem}.ipynb": make(s) for s in sources(source_dir)}
    edited = [] if force else [path for path in texts if _edited_by_hand(path)]
    if edited:
        names = ", ".join(str(path) for path in edited)
        raise LabError(
            f"{names}: edited by hand, and building would lose the edit; "
            "move it into the source, or build with --force"
        )
    stale = [path for path, text in texts.items() if _read(path) != text]
    return [write_atomically(path, texts[path]) for path in stale]


def check(
    source_dir: Folder = None,
    target_dir: Folder = None,
    *,
    make: Callable[[Path], str] = generate,
) -> list[str]:
    """Compare the notebooks with their sources.

    Parameters
    ----------
    source_dir, target_dir : path-like, optional
        Default: ``notebooks/source`` and ``notebooks``.
    make : callable
        What makes a notebook's text of a source.

    Returns
    -------
    list of str
        One sentence a problem: a notebook that is missing, stale, edited by hand,
        orphaned (its source is gone) or committed with outputs. Empty when all is
        well.
    """
    target = from_home(target_dir) if target_dir is not None else notebooks_dir()
    expected = {target / f"{s.stem}.ipynb": s for s in sources(source_dir)}
    orphans = sorted(set(target.glob("*.ipynb")) - set(expected))
    problems = [f"{path}: orphaned, no source {path.stem}.py" for path in orphans]
    for path, source in expected.items():
        problems += _compare(path, source, make)
    return problems


def _compare(path: Path, source: Path, make: Callable[[Path], str]) -> list[str]:
    """Compare one notebook with its source."""
    text = _read(path)
    if text is None:
        return [f"{path}: missing; run `python -m vdsr_lib notebooks`"]
    wanted = make(source)
    if text == wanted:
        return []
    found = _parse(text)
    if found is None:
        return [f"{path}: not a notebook; run `python -m vdsr_lib notebooks --force`"]
    problems = [
        f"{path}:cell {number}: has outputs; run `python -m vdsr_lib notebooks`"
        for number, cell in enumerate(found["cells"], start=1)
        if cell.get("outputs") or cell.get("execution_count")
    ]
    if _edited_by_hand(path):
        cell = _first_difference(found, json.loads(wanted))
        problems.append(f"{path}:cell {cell}: edited by hand; edit {source} instead")
    elif not problems:
        problems.append(f"{path}: stale; run `python -m vdsr_lib notebooks`")
    return problems


def _cells(cells: list[Any]) -> list[dict[str, Any]]:
    """Return the cells as plain data, with ids made from their content."""
    seen: Counter[str] = Counter()
    plain = []
    for cell in cells:
        name = _digest(f"{cell.cell_type}\n{cell.source}")[:12]
        seen[name] += 1
        tags = {"tags": list(cell.metadata["tags"])} if "tags" in cell.metadata else {}
        entry = {
            "cell_type": cell.cell_type,
            "id": name if seen[name] == 1 else f"{name}-{seen[name]}",
            "metadata": tags,
            "source": cell.source.splitlines(keepends=True),
        }
        if cell.cell_type == "code":
            entry |= {"execution_count": None, "outputs": []}
        plain.append(entry)
    return plain


def _cells_digest(cells: list[Any]) -> str:
    """Return a digest of what a person edits: kinds, texts and tags of the cells."""
    facts = [
        [c["cell_type"], "".join(c["source"]), c["metadata"].get("tags", [])]
        for c in cells
    ]
    return _digest(json.dumps(facts))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> str | None:
    return path.read_text("utf-8", "replace") if path.is_file() else None


def _parse(text: str | None) -> Any:
    """Return a notebook's data, or None when the text is no notebook."""
    try:
        notebook = json.loads(text or "")
        _cells_digest(notebook["cells"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return notebook


def _edited_by_hand(path: Path) -> bool:
    """Whether the cells are no longer those that were generated."""
    notebook = _parse(_read(path))
    if notebook is None:
        return path.is_file()
    written = notebook.get("metadata", {}).get("vdsr_lib", {}).get("cells_sha256")
    return bool(written != _cells_digest(notebook["cells"]))


def _first_difference(found: Any, wanted: Any) -> int:
    """Return the number, from 1, of the first cell that differs."""
    ours, theirs = ([_cells_digest([c]) for c in nb["cells"]] for nb in (found, wanted))
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False), start=1):
        if one != other:
            return number
    return min(len(ours), len(theirs)) + 1
