"""The HTML edition: a folder of pages that can be moved, sent and read as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vdsr_lib._files import write_atomically
from vdsr_lib.errors import shortened
from vdsr_lib.suite.edition import lesson_html
from vdsr_lib.suite.lessons import Outcome, read_notebook
from vdsr_lib.suite.links import Links, page_name, wake

__all__ = ["write_editions"]


def write_editions(
    outcomes: Sequence[Outcome], output_dir: Path
) -> tuple[dict[str, Path], list[str]]:
    """Write an HTML page of every executed lesson to the folder ``html``.

    The documents of the project that the lessons name get pages there, too. Pages of
    earlier runs stay; their links to pages that are gone rest until these are back. A
    page that cannot be made says why.

    Parameters
    ----------
    outcomes : sequence of Outcome
        The lessons that were run.
    output_dir : pathlib.Path
        The suite's output folder.

    Returns
    -------
    pages : dict
        Lesson number to the file.
    faults : list of str
        A sentence for each page that could not be made.
    """
    folder = output_dir / "html"
    pages: dict[str, Path] = {}
    faults: list[str] = []
    documents: set[Path] = set()
    for outcome in outcomes:
        lesson = outcome.lesson
        root = lesson.path.resolve().parent.parent
        path = folder / page_name(lesson.path, root)
        path.unlink(missing_ok=True)
        if outcome.notebook is None:
            continue
        links = Links(lesson.path, root)
        text = _page(read_notebook(outcome.notebook), lesson.title, links, faults)
        pages[lesson.number] = write_atomically(path, text)
        _write_documents(links.documents - documents, root, folder, faults)
        documents |= links.documents
    wake(folder)
    return pages, faults


def _page(notebook: Any, title: str, links: Links, faults: list[str]) -> str:
    """Return a page; the report, which hours of training wait for, is not lost by it.

    A picture that was pasted into a text cell, for one, is not in the lesson's source.
    """
    try:
        return lesson_html(notebook, title, links=links)
    except Exception as error:  # nbconvert raises a dozen kinds
        reason, *_ = str(error).splitlines() or [type(error).__name__]
        what = f"could not be made: {shortened(reason)}"
        faults.append(f"the page of {title!r} {what}")
        why = f"This page {what}. The notebook is complete."
        return lesson_html(_as_notebook(f"# {title}\n\n{why}"), title)


def _as_notebook(text: str) -> Any:
    """Return a notebook of one text cell."""
    from nbformat.v4 import new_markdown_cell, new_notebook

    return new_notebook(cells=[new_markdown_cell(text, id="document")])


def _write_documents(
    wanted: Iterable[Path], root: Path, folder: Path, faults: list[str]
) -> None:
    """Write a page of each document, and of those that it leads to."""
    waiting, made = sorted(wanted), set(wanted)
    while waiting:
        path = waiting.pop()
        text = path.read_text("utf-8", "replace")
        title = next((s[2:] for s in text.splitlines() if s[:2] == "# "), path.name)
        links = Links(path, root)
        page = _page(_as_notebook(text), title, links, faults)
        write_atomically(folder / links.page, page)
        waiting += sorted(links.documents - made)
        made |= links.documents
