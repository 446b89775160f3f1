"""The site: everything that there is to read, in one folder that can be searched.

Lessons as they ran, assignments, guides, answers, what was measured, the commands and
the library's reference become pages of one book, made by Sphinx. It asks the network
for nothing: formulas are MathML, widgets carry their code, fonts and search lie beside
the pages. So it can be put on any server or stick, or be opened as files.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from vdsr_lib._files import from_home, notebooks_dir, require_writable
from vdsr_lib.errors import LabError
from vdsr_lib.suite.edition import tex_to_mathml, without_kernel
from vdsr_lib.suite.lessons import read_notebook
from vdsr_lib.suite.reference import reference_pages

__all__ = ["Site", "build_site", "setup"]

_PACKAGES = ("sphinx", "sphinx_book_theme", "myst_nb", "numpydoc")
_LINK = re.compile(r"(?<=\]\()[^()\s#]+")
_NAMED = re.compile(r"(?<![\[`])`((?:docs|data|benchmarks)/[\w/]+\.md)`(?![\]`])")
_NOT_RUN = "*Not run yet: `vdsr reproduce` fills this page with what it measures.*"
_CONTENTS = {
    "Lessons": "{lessons}",
    "In class": "docs/teaching\nnotebooks/exercises/index\ndocs/answers/index",
    "Measured": "docs/ours_against_the_paper\ndata/README\nbenchmarks/README",
    "Guides": "docs/your_own\ndocs/full_scale\ndocs/scaling\ndocs/contributing",
    "Reference": "reference/index\nreference/commands",
}
_ASSIGNMENTS = """# Assignments

Each grades itself, task by task, and gives hints on request. Open one in JupyterLab
(`make lab`); a teacher makes a course of all with `make classroom`.

```{{toctree}}
{assignments}
```
"""
_ANSWERS = """# Answers

To the questions at the end of each lesson, with what was measured. Try first.

```{toctree}
:glob:
[0-9]*
```
"""

_SETTINGS: dict[str, Any] = {
    "project": "A laboratory for very deep super-resolution",
    "html_title": "Very deep super-resolution",
    "extensions": [
        *("sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc", "myst_nb"),
        __name__,
    ],
    "default_role": "py:obj",
    "autodoc_typehints": "none",
    "numpydoc_show_class_members": False,
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "myst_heading_anchors": 4,
    "html_math_renderer": "mathml",
    "html_theme": "sphinx_book_theme",
    "html_context": {"default_mode": "auto"},
    "html_css_files": ["site.css"],
    "html_show_search_summary": False,  # a page opened as a file may fetch no other
    "html_static_path": [str(Path(__file__).with_name("site.css"))],
    "html_theme_options": {
        "navbar_persistent": [],  # the sidebar has the search
        "show_toc_level": 2,
        "use_fullscreen_button": False,
    },
}


@dataclass(frozen=True)
class Site:
    """What was built.

    Parameters
    ----------
    index : pathlib.Path
        The first page.
    problems : tuple of str
        What Sphinx complained of, a line each; empty when all is well.
    not_run : tuple of str
        The lessons that have a page without outputs: their notebooks' names.
    """

    index: Path
    problems: tuple[str, ...]
    not_run: tuple[str, ...]


def build_site(
    results: str | os.PathLike[str] = "results",
    output: str | os.PathLike[str] | None = None,
    *,
    commands: str,
) -> Site:
    """Make the site of this checkout.

    Parameters
    ----------
    results : path-like
        The output folder of `vdsr_lib.suite.reproduction.reproduce`, with the lessons
        as they ran. One that is not there gets a page without outputs.
    output : path-like, optional
        The site's folder; default: ``site`` in `results`. An earlier site is replaced.
    commands : str
        The page of the commands, in Markdown.

    Returns
    -------
    Site

    Raises
    ------
    LabError
        If the library is not in a checkout, Sphinx or a part of it is not installed,
        or the folder holds something else.
    """
    ran = from_home(results)
    target = ran / "site" if output is None else from_home(output)
    root = notebooks_dir().resolve().parent
    if not (root / "docs").is_dir():
        raise LabError(f"{root}: has no docs/; the site is made in a checkout")
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise LabError(
            f"not installed: {', '.join(missing)}; the site needs "
            "'pip install \".[site]\"' in the project's folder"
        )
    if target.is_dir() and any(target.iterdir()) and not _is_site(target):
        raise LabError(f"{target}: holds something else than a site; name another")
    require_writable(target / "index.html")
    with tempfile.TemporaryDirectory() as scratch:
        stage = _Stage(root, Path(scratch, "source"))
        stage.fill(ran / "executed", commands)
        problems = _run_sphinx(stage.folder, Path(scratch, "site"))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(scratch, "site"), target)
    return Site(target / "index.html", problems, tuple(stage.not_run))


def _is_site(folder: Path) -> bool:
    return (folder / "objects.inv").is_file()


@dataclass
class _Stage:
    """The sources of all pages, laid out as they lie in the project.

    Parameters
    ----------
    root : pathlib.Path
        The project.
    folder : pathlib.Path
        The stage.

    Attributes
    ----------
    not_run : list of str
        Lessons without outputs.
    """

    root: Path
    folder: Path
    not_run: list[str] = field(default_factory=list, init=False)

    def fill(self, executed: Path, commands: str) -> None:
        """Lay out every page; the folder `executed` has the lessons as they ran."""
        documents = ["data/README.md", "benchmarks/README.md"]
        for name in documents + self._named("docs", "**/*.md"):
            self._write(name, self._text((self.root / name).read_text("utf-8"), name))
        for name, text in reference_pages().items():
            self._write(f"reference/{name}", text)
        self._write("reference/commands.md", commands)
        self._write("docs/answers/index.md", _ANSWERS)
        lessons = self._named("notebooks", "[0-9]*.ipynb")
        titles = [self._lesson(name, executed / Path(name).name) for name in lessons]
        tasks = self._named("notebooks/exercises", "[0-9]*.ipynb")
        assignments = [self._notebook(name, self._read(name)) for name in tasks]
        page = _ASSIGNMENTS.format(assignments="\n".join(assignments))
        self._write("notebooks/exercises/index.md", page)
        readme = self._text((self.root / "README.md").read_text("utf-8"), "README.md")
        contents = _contents(lessons="\n".join(titles))
        self._write("index.md", readme + contents)

    def _read(self, name: str) -> Any:
        return read_notebook(self.root / name)

    def _named(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of files of the project, from its root."""
        found = sorted((self.root / folder).glob(pattern))
        return [path.relative_to(self.root).as_posix() for path in found]

    def _lesson(self, name: str, executed: Path) -> str:
        """Lay out a lesson as it ran, or say that it did not."""
        if executed.is_file():
            return self._notebook(name, without_kernel(read_notebook(executed)))
        self.not_run.append(Path(name).name)
        lesson = self._read(name)
        title, _, rest = lesson.cells[0].source.partition("\n")
        lesson.cells[0].source = f"{title}\n\n{_NOT_RUN}\n{rest}"
        return self._notebook(name, lesson)

    def _notebook(self, name: str, notebook: Any) -> str:
        """Lay out a notebook; return its entry in a table of contents."""
        from nbformat import writes

        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self._text(cell.source, name)
        self._write(name, writes(notebook))
        title = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
        return f"{Path(name).name[:2]} {title} </{name.removesuffix('.ipynb')}>"

    def _text(self, text: str, name: str) -> str:
        """Let the links of a page lead to what the site has, and take that along."""
        here = (self.root / name).parent

        def lead(match: re.Match[str]) -> str:
            target = (here / unquote(match[0])).resolve()
            if urlsplit(match[0]).scheme or not target.is_relative_to(self.root):
                return match[0]
            if target.is_dir():
                return f"{match[0]}/index.md"
            if target.is_file() and target.suffix not in (".md", ".ipynb"):
                copy = self.folder / target.relative_to(self.root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(target, copy)
            return match[0]

        return _NAMED.sub(r"[`\1`](/\1)", _LINK.sub(lead, text))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _contents(lessons: str) -> str:
    """Return the tables of contents that make the site's sidebar."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n"
        f"{pages.format(lessons=lessons)}\n```\n"
        for caption, pages in _CONTENTS.items()
    )


def _run_sphinx(source: Path, target: Path) -> tuple[str, ...]:
    """Build the pages; return what was complained of."""
    from sphinx.application import Sphinx

    complaints = io.StringIO()
    app = Sphinx(
        srcdir=source,
        confdir=None,
        outdir=target,
        doctreedir=source.parent / "doctrees",
        buildername="html",
        confoverrides=_SETTINGS,
        status=None,
        warning=complaints,
    )
    app.build()
    return tuple(complaints.getvalue().replace(f"{source}{os.sep}", "").splitlines())


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx draw formulas as MathML: this module is an extension of its own.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        The application that asks.

    Returns
    -------
    dict
        That it may read and write in parallel.
    """
    from docutils.nodes import SkipNode

    def formula(block: bool) -> Any:
        def visit(translator: Any, node: Any) -> None:
            translator.body.append(tex_to_mathml(node.astext(), block=block))
            raise SkipNode

        return visit

    app.add_html_math_renderer("mathml", (formula(False), None), (formula(True), None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
