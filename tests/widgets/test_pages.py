"""Widgets in static pages: every widget once, nothing broken, nothing fetched."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pytest

from vdsr_lib.widgets import compare, inline_widgets, standalone_page

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def notebook_of(*widgets, more=None):
    """An executed notebook that shows widgets, as nbclient saves it."""
    cells = []
    for widget in widgets:
        data, metadata = widget._repr_mimebundle_()
        output = {"output_type": "execute_result", "data": data, "metadata": metadata}
        cells.append({"cell_type": "code", "outputs": [output]})
    state = widgets[0].get_manager_state(widgets=widgets)
    state["state"].update(more or {})
    return {
        "cells": [{"cell_type": "markdown", "source": "text"}, *cells],
        "metadata": {"widgets": {STATE: state}},
    }


def payload(html: str) -> dict:
    """What a mount's JSON holds."""
    found = re.search(r'<script type="application/json">(.*?)</script>', html, re.S)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def widgets():
    scene = np.random.default_rng(2).integers(0, 256, (24, 24), dtype=np.uint8)
    first = compare({"truth": scene, "dark": scene // 2}, reference="truth")
    return first, compare({"</script><b>": scene, 'it\'s & "so"': scene // 3})


def test_each_widget_becomes_html_and_the_code_stands_once(widgets):
    notebook = notebook_of(*widgets)
    assert inline_widgets(notebook) == 2
    first, second = (cell["outputs"][0]["data"] for cell in notebook["cells"][1:])
    assert set(first) == set(second) == {"text/html"}
    code = payload(first["text/html"])["source"]["esm"]
    assert code.startswith("/* What the page sides of all widgets")
    assert "source" not in payload(second["text/html"])
    assert "window.vdsrShow ??=" in first["text/html"]
    assert "window.vdsrShow ??=" not in second["text/html"]


def test_state_and_bytes_arrive_whole(widgets):
    notebook = notebook_of(*widgets)
    inline_widgets(notebook)
    for widget, cell in zip(widgets, notebook["cells"][1:], strict=True):
        model = payload(cell["outputs"][0]["data"]["text/html"])["model"]
        saved = widget.get_manager_state(widgets=[widget])["state"][widget.model_id]
        assert model["buffers"] == saved["buffers"]
        assert model["state"]["names"] == widget.names
        assert "_esm" not in model["state"]


def test_names_cannot_break_out_of_the_page(widgets):
    notebook = notebook_of(widgets[1])
    inline_widgets(notebook)
    html = notebook["cells"][1]["outputs"][0]["data"]["text/html"]
    assert "</script><b>" not in html
    assert html.count("<script") == html.count("</script>") == 3
    assert "it&#x27;s &amp; &quot;so&quot;" in html  # in the alternative text


def test_the_static_picture_stays_with_its_words(widgets):
    notebook = notebook_of(widgets[0])
    png = notebook["cells"][1]["outputs"][0]["data"]["image/png"]
    inline_widgets(notebook)
    html = notebook["cells"][1]["outputs"][0]["data"]["text/html"]
    assert f'<img src="data:image/png;base64,{png}" alt="Comparison of truth' in html


def test_what_cannot_live_is_left_alone(widgets):
    whole = notebook_of(widgets[0])
    state = whole["metadata"]["widgets"][STATE]["state"]
    [model_id] = state
    asking = copy.deepcopy(whole)
    asking["metadata"]["widgets"][STATE]["state"][model_id]["state"]["needs_kernel"] = (
        True
    )
    other_kind = copy.deepcopy(whole)
    del other_kind["metadata"]["widgets"][STATE]["state"][model_id]["state"]["_esm"]
    unsaved = copy.deepcopy(whole)
    unsaved["metadata"] = {}
    for notebook in (asking, other_kind, unsaved):
        before = copy.deepcopy(notebook)
        assert inline_widgets(notebook) == 0
        assert notebook == before


def test_a_widget_without_a_picture_still_lives(widgets):
    notebook = notebook_of(widgets[0])
    output = notebook["cells"][1]["outputs"][0]
    del output["data"]["image/png"]
    assert inline_widgets(notebook) == 1
    assert "<img" not in output["data"]["text/html"]


def test_a_page_escapes_its_title(widgets):
    state = widgets[0].get_manager_state(widgets=[widgets[0]])["state"]
    page = standalone_page(
        state[widgets[0].model_id], (b"png", 10, 10), alt='a "b"', title="<i>"
    )
    assert "<title>&lt;i&gt;</title>" in page
    assert 'alt="a &quot;b&quot;"' in page
