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
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vdsr_lib._files import from_home, notebooks_dir, require_writable
from vdsr_lib.errors import LabError
from vdsr_lib.suite.edition import tex_to_mathml
from vdsr_lib.suite.staging import EXTRA, Stage

__all__ = ["Site", "build_site", "setup"]

_PACKAGES = ("sphinx", "sphinx_book_theme", "myst_nb", "numpydoc")
_SETTINGS: dict[str, Any] = {
    "project": "A laboratory for very deep super-resolution",
    "author": "The vdsr_lib authors",
    "html_title": "Very deep super-resolution",
    "extensions": [
        *("sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc", "myst_nb"),
        *("sphinx.ext.githubpages", __name__),
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
        What Sphinx complained of, line by line; empty when all is well.
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
        The site's folder; default: ``site`` in `results`. Of an earlier site there the
        pages are replaced; what somebody has put beside them stays.
    commands : str
        The page of the commands, in Markdown.

    Returns
    -------
    Site

    Raises
    ------
    LabError
        If the library is not in a checkout, Sphinx or a part of it is not installed
        or stops, or the folder holds something else than this site.
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
        stage = Stage(root, Path(scratch, "source"))
        stage.fill(ran / "executed", commands)
        problems = _run_sphinx(stage.folder, Path(scratch, "site"))
        for made in Path(scratch, "site").iterdir():
            if made.is_dir():
                shutil.rmtree(target / made.name, ignore_errors=True)
        shutil.copytree(Path(scratch, "site"), target, dirs_exist_ok=True)
    return Site(target / "index.html", problems, tuple(stage.not_run))


def _is_site(folder: Path) -> bool:
    """Return whether a folder holds this site, and not another project's."""
    inventory = folder / "objects.inv"
    ours = f"# Project: {_SETTINGS['project']}\n".encode()
    return inventory.is_file() and ours in inventory.read_bytes()[:200]


def _run_sphinx(source: Path, target: Path) -> tuple[str, ...]:
    """Build the pages; return what was complained of."""
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    complaints = io.StringIO()
    try:
        with patch_docutils(source), docutils_namespace():
            app = Sphinx(
                srcdir=source,
                confdir=None,
                outdir=target,
                doctreedir=source.parent / "doctrees",
                buildername="html",
                confoverrides=_SETTINGS | {"html_extra_path": [str(source / EXTRA)]},
                status=None,
                warning=complaints,
            )
            app.build()
    except SphinxError as error:
        raise LabError(f"Sphinx stops: {error}") from error
    said = re.sub(r"\x1b\[[\d;]*m", "", complaints.getvalue())  # without colours
    return tuple(said.replace(f"{source}{os.sep}", "").splitlines())


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
