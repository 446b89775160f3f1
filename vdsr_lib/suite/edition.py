"""An executed lesson as one HTML file that asks the network for nothing.

nbconvert's pages fetch MathJax, RequireJS and the widgets from four servers. Here the
formulas become MathML, which every current browser draws by itself and screen readers
speak; pictures are embedded with their alternative text; the course's own widgets live
on, their code and state inside the page. A widget that needs a kernel leaves a line
that says where it is alive, beside the static picture that the lesson shows anyway.
"""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vdsr_lib.widgets import inline_widgets

__all__ = ["lesson_html", "markdown_html", "tex_to_mathml", "without_kernel"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_INTERACTIVE = "(An interactive part stands here: open the lesson in JupyterLab.)"


def lesson_html(notebook: Any, title: str, *, links: Callable[[str], str] = str) -> str:
    """Return an executed lesson as a single HTML page, light and dark.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed; it is not changed.
    title : str
        The page's title.
    links : callable
        Changes the links in the HTML of a text cell to lead on from where the page
        will lie (see `vdsr_lib.suite.links`); default: they stay as written.

    Returns
    -------
    str
    """
    from jinja2 import pass_context
    from nbconvert import HTMLExporter

    @pass_context
    def text_cell(context: Any, source: str) -> str:
        attachments = context.get("cell", {}).get("attachments", {})
        return links(markdown_html(source, attachments))

    exporter = HTMLExporter(
        template_name="lab",
        extra_template_paths=[str(Path(__file__).parent)],
        template_file="edition.html.j2",
        anchor_link_text="",
    )
    environment = exporter.environment
    dark = environment.loader.get_source(environment, "static/theme-dark.css")[0]
    exporter.register_filter("markdown2html", text_cell)
    exporter.register_filter("tex2mathml", _latex_output)
    page = without_kernel(notebook)
    page.metadata["title"] = title
    body, _ = exporter.from_notebook_node(page, resources={"dark_css": dark})
    return str(body)


def without_kernel(notebook: Any) -> Any:
    """Return an executed lesson whose outputs can be shown where no kernel runs.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed; it is not changed.

    Returns
    -------
    nbformat.NotebookNode
        A copy. The course's widgets are HTML that lives by itself, another widget is
        a line of text, and a progress bar is gone.
    """
    page = copy.deepcopy(notebook)
    inline_widgets(page)
    _replace_widgets(page)
    return page


def tex_to_mathml(tex: str, *, block: bool) -> str:
    """Translate a formula.

    Parameters
    ----------
    tex : str
        Without the dollar signs.
    block : bool
        Whether it stands on lines of its own.

    Returns
    -------
    str
        A ``<math>`` element that carries the TeX as its ``alttext``; the TeX itself
        in a ``<code>`` element where it cannot be translated.
    """
    try:
        from docutils.utils.math.latex2mathml import (
            tex2mathml,
        )

        element = str(tex2mathml(tex.strip(), as_block=block))
    except Exception:  # no docutils, or one of its many errors for odd TeX
        return f"<code>{html.escape(tex)}</code>"
    spoken = html.escape(" ".join(tex.split()))
    return element.replace("<math ", f'<math alttext="{spoken}" ', 1)


def _latex_output(latex: str) -> str:
    """Translate a cell's LaTeX output."""
    return tex_to_mathml(latex.strip().strip("$"), block=True)


def markdown_html(source: str, attachments: Any = None) -> str:
    """Translate a markdown cell.

    Parameters
    ----------
    source : str
        Markdown as JupyterLab reads it.
    attachments : mapping, optional
        The cell's attached pictures, by name.

    Returns
    -------
    str
        HTML: formulas are MathML, each heading has the id that JupyterLab gives it.
    """
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(
        escape=False, attachments=attachments or {}, exclude_anchor_links=True
    )
    renderer.inline_math = lambda body: tex_to_mathml(body, block=False)
    renderer.block_math = lambda body: tex_to_mathml(body, block=True)
    renderer.latex_environment = lambda name, body: tex_to_mathml(
        rf"\begin{{{name}}}{body}\end{{{name}}}", block=True
    )
    page = str(MarkdownWithMath(renderer=renderer).render(source))
    return re.sub(r"<h(\d)>(.*?)</h\1>", _with_id, page, flags=re.DOTALL)


def _with_id(heading: re.Match[str]) -> str:
    """Give a heading the id that JupyterLab gives it, so that links can lead there."""
    words = html.unescape(re.sub(r"<[^>]*>", "", heading[2]))
    name = html.escape(words.replace(" ", "-"))
    return f'<h{heading[1]} id="{name}">{heading[2]}</h{heading[1]}>'


def _replace_widgets(notebook: Any) -> None:
    """Put a line of text where a widget is, and nothing for a progress bar."""
    state = notebook.metadata.pop("widgets", {}).get(_STATE, {}).get("state", {})
    for cell in notebook.cells:
        kept = []
        for output in cell.get("outputs", []):
            view = output.get("data", {}).pop(_WIDGET, None)
            if view is None or set(output["data"]) - {"text/plain"}:
                kept.append(output)
            elif state.get(view["model_id"], {}).get("model_name") == "AnyModel":
                output["data"] = {"text/plain": _INTERACTIVE}
                kept.append(output)
        if "outputs" in cell:
            cell["outputs"] = kept
