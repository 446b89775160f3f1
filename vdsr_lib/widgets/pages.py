"""Widgets in static pages: from disk, without a kernel, a widget manager, a network.

An anywidget is a module of JavaScript and its state. A saved notebook and a live
widget both give that state in the same form, so one short script (``host.js``) can
bring it to life in any page: the one that `Compare.to_html` makes, and the exported
lessons. Where scripts are off, the static picture stays.
"""

from __future__ import annotations

import hashlib
import html
import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["inline_widgets", "json_in_script", "mount", "standalone_page"]

_VIEW = "application/vnd.jupyter.widget-view+json"
_STATE = "application/vnd.jupyter.widget-state+json"
_HOST = Path(__file__).parent / "host.js"

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{
  max-width: 70rem; margin: 0 auto; padding: 1rem; background: #fff; color: #1f2328;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}}
h1 {{ font-size: 1.4rem; margin: 0.2em 0 0.6em; }}
img {{ max-width: 100%; height: auto; background: #fff; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #17191c; color: #e8eaed; }}
}}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def standalone_page(
    model: Mapping[str, Any],
    picture: tuple[bytes, int, int],
    *,
    alt: str,
    title: str,
) -> str:
    """Return a page that shows one widget, light and dark.

    Parameters
    ----------
    model : mapping
        The widget's entry in a widget manager's state: ``state`` and ``buffers``.
    picture : (bytes, int, int)
        The static picture: a PNG file, its nominal width and height in pixels.
    alt : str
        What the picture shows, in words.
    title : str
        Title and heading.

    Returns
    -------
    str
        HTML, complete, with no reference to anything outside.
    """
    png, width, height = picture
    image = {"data": b64encode(png).decode(), "alt": alt}
    image |= {"width": str(width), "height": str(height)}
    body = mount(model, image)
    return _PAGE.format(title=html.escape(title), body=body)


def inline_widgets(notebook: Any) -> int:
    """Bring the widgets of an executed notebook to life in the page made from it.

    Each output that shows an anywidget becomes HTML that holds the static picture,
    the widget's state and, with the first of its kind, its code. What needs a kernel
    (its state says ``needs_kernel``), has no saved state or is another kind of widget
    is left alone.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed, with its widget state, as nbclient and papermill save it. Its
        outputs are changed in place.

    Returns
    -------
    int
        How many widgets were brought to life.
    """
    saved = notebook.get("metadata", {}).get("widgets", {}).get(_STATE, {})
    models = saved.get("state", {})
    known: set[str] = set()
    count = 0
    for cell in notebook.get("cells", []):
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(_VIEW)
            model = models.get(view["model_id"]) if view else None
            if model is None or not _can_live(model.get("state", {})):
                continue
            key = _key(model["state"])
            image = _image(output)
            body = mount(
                model, image, with_host=not known, with_source=key not in known
            )
            known.add(key)
            output["data"] = {"text/html": body}
            output["metadata"] = {}
            count += 1
    return count


def _can_live(state: Mapping[str, Any]) -> bool:
    """Return whether a widget's code is here and asks for no kernel."""
    return bool(state.get("_esm")) and not state.get("needs_kernel")


def _key(state: Mapping[str, Any]) -> str:
    """Return a name for a widget's code."""
    source = f"{state['_esm']}\0{state.get('_css', '')}"
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _image(output: Mapping[str, Any]) -> dict[str, str]:
    """Return the static picture of an output, for use in HTML; empty if none."""
    data = output["data"].get("image/png")
    if not data:
        return {}
    facts = output.get("metadata", {}).get("image/png", {})
    kept = {name: str(facts[name]) for name in ("alt", "width") if name in facts}
    return {"data": "".join(data).replace("\n", ""), **kept}


def mount(
    model: Mapping[str, Any],
    image: Mapping[str, str],
    *,
    with_host: bool = True,
    with_source: bool = True,
) -> str:
    """Return the element that holds a widget: picture, place, state, start.

    Parameters
    ----------
    model : mapping
        As for `standalone_page`.
    image : mapping
        The static picture: ``data``, a PNG file in base64, and attributes of its
        element; empty for none.
    with_host, with_source : bool
        Whether the scripts that all widgets of a page share, and the code of this kind
        of widget, come along. The first of a page needs both.

    Returns
    -------
    str
        HTML.
    """
    state = {k: v for k, v in model["state"].items() if k not in ("_esm", "_css")}
    content: dict[str, Any] = {
        "key": _key(model["state"]),
        "model": {"state": state, "buffers": model.get("buffers", [])},
    }
    if with_source:
        source = {name: model["state"].get(f"_{name}", "") for name in ("esm", "css")}
        content["source"] = source
    picture = ""
    if image:
        facts = "".join(
            f' {name}="{html.escape(value)}"'
            for name, value in image.items()
            if name != "data"
        )
        picture = f'<img src="data:image/png;base64,{image["data"]}"{facts}>'
    host = f"<script>\n{_HOST.read_text('utf-8')}</script>\n" if with_host else ""
    return (
        f'<div class="vdsr-widget">\n<div class="vdsr-static">{picture}</div>\n'
        '<div class="vdsr-place"></div>\n'
        f'<script type="application/json">{json_in_script(content)}</script>\n'
        f"{host}<script>vdsrShow(document.currentScript.parentNode)</script>\n</div>"
    )


def json_in_script(content: Any) -> str:
    """Return JSON that can stand in a script element whatever strings it holds.

    Parameters
    ----------
    content : any
        What `json.dumps` takes.

    Returns
    -------
    str
    """
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
