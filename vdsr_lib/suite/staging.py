"""The sources of the site's pages, laid out as they lie in the project.

So links from page to page lead where they led; what else they lead to comes along.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from vdsr_lib.suite.edition import without_kernel
from vdsr_lib.suite.lessons import read_notebook
from vdsr_lib.suite.reference import reference_pages
from vdsr_lib.widgets.in_browser import browser_body, network_scripts

__all__ = ["EXTRA", "Stage"]

EXTRA = "extra"
"""The folder of what lies beside the pages as it is."""

_LINK = re.compile(r"(?<=\]\()[^()\s#]+")
_NAMED = re.compile(r"(?<![\[`])`((?:docs|data|benchmarks)/[\w/]+\.md)`(?![\]`])")
_NOT_RUN = "*Not run yet: `vdsr reproduce` fills this page with what it measures.*"
_CONTENTS = {
    "Try it": "own_picture",
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
_OWN_PICTURE = """# Enlarge a picture of your own

Your browser computes here: the networks of these lessons run on its graphics card, and
the picture does not leave your computer. What each choice means, and when not to trust
the result, is in [lesson 08](notebooks/08_your_own_picture.ipynb).

```{{raw}} html
{body}
```

On the same picture the library gives the same, but for a level of rounding here and
there, and for the colours of what is all but transparent, which a browser keeps
coarsely. It needs WebGL 2 with float textures; without a graphics card a large network
takes minutes.
"""
_ANSWERS = """# Answers

To the questions at the end of each lesson, with what was measured. Try first.

```{toctree}
:glob:
[0-9]*
```
"""


@dataclass
class Stage:
    """The folder that Sphinx reads.

    Parameters
    ----------
    root : pathlib.Path
        The project.
    folder : pathlib.Path
        Filled by `fill`.

    Attributes
    ----------
    not_run : list of str
        Lessons without outputs.
    """

    root: Path
    folder: Path
    not_run: list[str] = field(default_factory=list, init=False)

    def fill(self, executed: Path, commands: str) -> None:
        """Lay out every page.

        Parameters
        ----------
        executed : pathlib.Path
            The folder of the lessons as they ran.
        commands : str
            The page of the commands, in Markdown.
        """
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
        self._write("own_picture.md", _OWN_PICTURE.format(body=browser_body()))
        for name, text in network_scripts().items():
            self._write(f"{EXTRA}/networks/{name}", text)
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
