"""Where the links of the HTML edition lead: only to what travels with it.

A lesson names other lessons, documents and pictures as they lie in the project, but its
page lies in an output folder, perhaps on another machine. So a link to a lesson leads
to that lesson's page; a document of the project becomes a page of the edition, also
where only its path is named; a picture is put into the page; of a link to anything
else, the words stay, with the path.
"""

from __future__ import annotations

import html
import mimetypes
import posixpath
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vdsr_lib._files import write_atomically
from vdsr_lib.errors import LabError
from vdsr_lib.suite.edition import markdown_html
from vdsr_lib.suite.lessons import read_notebook

__all__ = ["Links", "headings", "page_name", "wake"]

_PIECE = re.compile(
    r"""<a\s[^>]*?href=(?P<q>["'])(?P<href>.*?)(?P=q)[^>]*>(?P<words>.*?)</a>"""
    r"""|<img\s[^>]*?src=(?P<r>["'])(?P<src>.*?)(?P=r)[^>]*>"""
    r"""|(?<!<pre>)<code>(?P<named>[^<>\s]+\.md)</code>""",
    re.DOTALL,
)
_ASLEEP = re.compile(r'<a data-page="([^"#]*)(#[^"]*)?"(?: href="[^"]*")?>')


@dataclass
class Links:
    """Changes the links of one page so that they lead somewhere in the edition.

    Parameters
    ----------
    source : pathlib.Path
        What the page is made of, where it lies in the project: its links start there.
    root : pathlib.Path
        The project's folder. Nothing outside it is linked.

    Attributes
    ----------
    documents : set of pathlib.Path
        The documents that the page leads to; they must become pages, too.
    """

    source: Path
    root: Path
    documents: set[Path] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.source, self.root = self.source.resolve(), self.root.resolve()

    @property
    def page(self) -> str:
        """The page's name in the edition."""
        return page_name(self.source, self.root)

    def __call__(self, markup: str) -> str:
        """Change the links of a piece of HTML.

        Parameters
        ----------
        markup : str
            What a cell of text became.

        Returns
        -------
        str
            The links to lessons are asleep: see `wake`.
        """
        return _PIECE.sub(self._piece, markup)

    def _piece(self, match: re.Match[str]) -> str:
        """Return a link, a picture or a path in its new form; else the words."""
        try:
            return self._changed(match)
        except (OSError, ValueError, LabError):  # no address, or a damaged target
            return match["words"] or ""

    def _changed(self, match: re.Match[str]) -> str:
        if match["named"]:
            return self._named(match)
        address = urlsplit(html.unescape(match["href"] or match["src"] or ""))
        if address.scheme or address.netloc:
            return match[0]
        if match["src"] is not None:
            return self._picture(match, address)
        return self._link(match["words"], address)

    def _named(self, match: re.Match[str]) -> str:
        """Link the path of a document that stands as code in the text."""
        target = (self.root / match["named"]).resolve()
        if target == self.source or not self._is_document(target):
            return match[0]
        return f'<a href="{self._lead(target)}">{match[0]}</a>'

    def _picture(self, match: re.Match[str], address: SplitResult) -> str:
        """Put a picture of the project into the page."""
        target = self._target(address)
        kind = mimetypes.guess_type(target.name)[0]
        if kind is None or not self._is_ours(target):
            return f"<code>{html.escape(self._path(target, address))}</code>"
        data = f"data:{kind};base64,{b64encode(target.read_bytes()).decode()}"
        return match[0].replace(match["src"], data, 1)

    def _link(self, words: str, address: SplitResult) -> str:
        """Return a link to a lesson, a document or a heading; else the words."""
        target = self._target(address)
        if target != self.source and not self._has_page(target):
            path = self._path(target, address)
            if target.name in html.unescape(words):
                return words
            return f"{words} (<code>{html.escape(path)}</code>)"
        place = _heading(target, unquote(address.fragment))
        if target == self.source:
            return f'<a href="{place}">{words}</a>' if place else words
        kind = "data-page" if target.suffix == ".ipynb" else "href"
        return f'<a {kind}="{self._lead(target)}{place}">{words}</a>'

    def _lead(self, target: Path) -> str:
        """Return the way to a page from this one; take note of a document."""
        if target.suffix == ".md":
            self.documents.add(target)
        start = posixpath.dirname(self.page)
        return quote(posixpath.relpath(page_name(target, self.root), start or "."))

    def _target(self, address: SplitResult) -> Path:
        """Return the file that a link means."""
        if not address.path:
            return self.source
        return (self.source.parent / unquote(address.path)).resolve()

    def _path(self, target: Path, address: SplitResult) -> str:
        """Return a file's path as a reader of the project knows it."""
        inside = target.is_relative_to(self.root)
        return target.relative_to(self.root).as_posix() if inside else address.path

    def _is_ours(self, target: Path) -> bool:
        return target.is_file() and target.is_relative_to(self.root)

    def _is_document(self, target: Path) -> bool:
        return target.suffix == ".md" and self._is_ours(target)

    def _has_page(self, target: Path) -> bool:
        """Return whether a file is a lesson, or a document of the project."""
        lesson = re.fullmatch(r"\d\d_\w+\.ipynb", target.name) is not None
        return self._is_document(target) or (lesson and self._is_ours(target))


def page_name(source: Path, root: Path) -> str:
    """Return the name of the page that is made of a file.

    Parameters
    ----------
    source : pathlib.Path
        A lesson's notebook or a document.
    root : pathlib.Path
        The project's folder.

    Returns
    -------
    str
        ``"03_learn_the_residual.html"``, ``"docs/teaching.html"``: relative to the
        edition's folder.
    """
    if source.suffix == ".ipynb":
        return f"{source.stem}.html"
    return source.resolve().relative_to(root.resolve()).with_suffix(".html").as_posix()


def headings(source: Path) -> list[str]:
    """Return the ids of a file's headings, as JupyterLab and the edition make them.

    Parameters
    ----------
    source : pathlib.Path
        A notebook or a document.

    Returns
    -------
    list of str
    """
    if source.suffix == ".ipynb":
        cells = read_notebook(source).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    else:
        texts = [source.read_text("utf-8", "replace")]
    found = (re.findall(r'<h\d id="([^"]*)"', markdown_html(text)) for text in texts)
    return [html.unescape(each) for ids in found for each in ids]


def _heading(target: Path, wanted: str) -> str:
    """Return ``"#id"`` of a heading, however GitHub or JupyterLab spells it, or ""."""
    if not wanted:
        return ""
    for name in headings(target):
        if _slug(name) == _slug(wanted):
            return "#" + quote(name)
    return ""


def _slug(name: str) -> str:
    """Return a heading's id as GitHub spells it."""
    return re.sub(r"[^\w-]", "", name.lower().replace(" ", "-"))


def wake(folder: Path) -> None:
    """Let the links to lessons lead to the pages that there are, and to no other.

    Parameters
    ----------
    folder : pathlib.Path
        The edition. A page that an earlier run made is changed, too. What is not a
        page in UTF-8 is somebody else's, and stays.
    """
    for path in sorted(folder.rglob("*.html")):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        awake = _ASLEEP.sub(partial(_awake, path.parent), text)
        if awake != text:
            write_atomically(path, awake)


def _awake(start: Path, match: re.Match[str]) -> str:
    """Return a link to a lesson's page that leads there if there is one."""
    page, place = match[1], match[2] or ""
    there = (start / unquote(page)).is_file()
    lead = f' href="{page}{place}"' if there else ""
    return f'<a data-page="{page}{place}"{lead}>'
