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
from pathlib import Path
from typing import Any

from vdsr_lib.widgets import inline_widgets

__all__ = ["lesson_html", "tex_to_mathml"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_INTERACTIVE = "(An interactive part stands here: open the lesson in JupyterLab.)"


def lesson_html(notebook: Any, title: str) -> str:
    """Return an executed lesson as a single HTML page, light and dark.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed; it is not changed.
    title : str
        The page's title.

    Returns
    -------
    str
    """
    from jinja2 import pass_context
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="lab",
        extra_template_paths=[str(Path(__file__).parent)],
        template_file="edition.html.j2",
        anchor_link_text="",
    )
    environment = exporter.environment
    dark = environment.loader.get_source(environment, "static/theme-dark.css")[0]
    exporter.register_filter("markdown2html", pass_context(_markdown))
    exporter.register_filter("tex2mathml", _latex_output)
    page = copy.deepcopy(notebook)
    page.metadata["title"] = title
    inline_widgets(page)
    _replace_widgets(page)
    body, _ = exporter.from_notebook_node(page, resources={"dark_css": dark})
    return re.sub(r'(href="\d\d_\w+)\.ipynb', r"\1.html", str(body))


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


def _markdown(context: Any, source: str) -> str:
    """Translate a markdown cell, formulas to MathML."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    attachments = context.get("cell", {}).get("attachments", {})
    renderer = IPythonRenderer(
        escape=False, attachments=attachments, exclude_anchor_links=True
    )
    renderer.inline_math = lambda body: tex_to_mathml(body, block=False)
    renderer.block_math = lambda body: tex_to_mathml(body, block=True)
    renderer.latex_environment = lambda name, body: tex_to_mathml(
        rf"\begin{{{name}}}{body}\end{{{name}}}", block=True
    )
    return str(MarkdownWithMath(renderer=renderer).render(source))


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
