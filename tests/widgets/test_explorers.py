"""The three explorers without a browser: traits, callbacks, output, pictures, words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
import torch
import traitlets as t
from PIL import Image
from traitlets import TraitError

from vdsr_lib.errors import DataError
from vdsr_lib.experiments import ClippingStudy, GradientTrace
from vdsr_lib.experiments.gradients import MAGNITUDES
from vdsr_lib.images import degrade, to_luma, to_uint8
from vdsr_lib.metrics import psnr
from vdsr_lib.models import VDSR
from vdsr_lib.protocol import SWITCHES, bicubic_psnr, combined
from vdsr_lib.receptive import effective_field
from vdsr_lib.widgets import (
    clipping_explorer,
    inline_widgets,
    protocol_switchboard,
    receptive_field_explorer,
)
from vdsr_lib.widgets.asking import Asking, sentence
from vdsr_lib.widgets.clipping_content import packed_trace
from vdsr_lib.widgets.content import decoded

WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
TINY = {"depth": 3, "width": 4, "steps": 6, "every": 2, "batch_size": 4, "scales": (2,)}


def scene(rows: int = 60, columns: int = 70) -> np.ndarray:
    """A colour picture with edges and texture."""
    y, x = np.mgrid[:rows, :columns].astype(float)
    rings = 127 + 70 * np.sin(((x - 40) ** 2 + (y - 20) ** 2) / 90)
    noise = np.random.default_rng(0).normal(0, 10, (rows, columns))
    planes = (rings + noise, 0.6 * rings + 60, 220 - y)
    return np.stack([np.clip(p, 0, 255) for p in planes], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def networks() -> dict[int, VDSR]:
    nets = {}
    for depth in (5, 2, 3):  # in no order
        nets[depth] = VDSR(depth, 4, generator=torch.Generator().manual_seed(depth + 4))
    return nets


@pytest.fixture
def fields(networks):
    return receptive_field_explorer(networks, scene(), scale=2, places=4)


@pytest.fixture
def board():
    small = scene(40, 36)
    pictures = {"a": small, "b": small[::-1].copy()}
    return protocol_switchboard(pictures, (2, 3), others=["set5"])


@pytest.fixture(scope="module")
def study() -> ClippingStudy:
    return ClippingStudy(**TINY)


@pytest.fixture(scope="module")
def traces(study):
    return study.grid(("adjustable", "norm", "none"), (0.1, 0.01))


# --- what all of them share -----------------------------------------------------------


@pytest.fixture(scope="module", params=["fields", "board", "clipping"])
def widget(request, networks, traces, study):
    if request.param == "fields":
        return receptive_field_explorer(networks, scene(), scale=2, places=4)
    if request.param == "board":
        return protocol_switchboard({"a": scene(40, 36)}, (2,))
    return clipping_explorer(traces, study=study)


def test_the_output_carries_the_widget_and_a_picture_with_words(
    widget, carries_a_picture_with_words
):
    carries_a_picture_with_words(widget)
    assert len(widget.description) > 100


def test_a_page_of_its_own_asks_for_nothing(widget, tmp_path):
    page = widget.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert f"<title>{widget._title}</title>" in page


def test_an_exported_notebook_brings_it_to_life(widget):
    data, metadata = widget._repr_mimebundle_()
    output = {"output_type": "execute_result", "data": data, "metadata": metadata}
    notebook = {
        "cells": [{"cell_type": "code", "outputs": [output]}],
        "metadata": {"widgets": {STATE: widget.get_manager_state(widgets=[widget])}},
    }
    assert inline_widgets(notebook) == 1
    assert set(output["data"]) == {"text/html"}


def test_its_state_is_strict_json_without_holes(widget):
    state = widget.get_manager_state(widgets=[widget])["state"][widget.model_id]
    json.dumps(state["state"], allow_nan=False)
    assert state["state"]["_esm"].startswith("/* What the page sides of all widgets")
    assert ".vdsr-kit" in state["state"]["_css"]


def test_the_static_picture_is_drawn_once(widget, monkeypatch):
    widget.to_png()
    monkeypatch.setattr(type(widget), "_draw", lambda self: pytest.fail("drawn again"))
    widget.to_png()


class Echo(Asking):
    """Answers with what it was asked, or fails."""

    answered = t.List()

    def answer(self, *, fail: str = ""):
        self.answered = [*self.answered, self.busy]
        if fail == "sentence":
            raise DataError("set5 is not here: run vdsr data fetch set5")
        if fail == "bug":
            raise KeyError("nobody")


def test_a_request_is_answered_and_named_problems_are_shown():
    echo = Echo()
    echo.request = {"number": 1, "fail": "sentence"}
    assert echo.problem == "set5 is not here: run vdsr data fetch set5"
    assert echo.answered == [True]  # busy meanwhile, idle afterwards
    assert not echo.busy
    echo.request = {"number": 2, "fail": ""}
    assert echo.problem == ""
    echo.request = {}
    assert len(echo.answered) == 2


def test_a_bug_in_a_callback_is_shown_and_raised():
    echo = Echo()
    with pytest.raises(KeyError):
        echo.request = {"number": 1, "fail": "bug"}
    assert echo.problem == "This should not have happened: KeyError: 'nobody'"
    assert not echo.busy
    assert sentence(ValueError("plain words")) == "plain words"


# --- receptive field ------------------------------------------------------------------


def test_fields_hold_what_was_measured(fields, networks):
    assert fields.depths == [2, 3, 5]
    assert fields.sides == [5, 7, 11]
    true = to_luma(scene())
    ilr = degrade(true, 2)
    assert fields.size == list(true.shape)
    np.testing.assert_array_equal(decoded(fields.pixels[0]), true)
    np.testing.assert_array_equal(decoded(fields.pixels[1]), to_uint8(ilr))
    source = torch.from_numpy(ilr)[None, None].float()
    for i, depth in enumerate(fields.depths):
        with torch.no_grad():
            output = networks[depth](source)[0, 0].clamp(0, 1).numpy()
        shown = decoded(fields.pixels[i + 2])
        assert np.abs(shown.astype(int) - to_uint8(output)).max() <= 1
        assert fields.psnr[i] == pytest.approx(psnr(true, shown, border=2))
        field = np.frombuffer(fields.fields[i], "<f4").reshape(2 * [fields.sides[i]])
        expected = effective_field(networks[depth], ilr, 4)
        np.testing.assert_allclose(field, expected, rtol=1e-5)
        assert fields.shares[i][-1] == pytest.approx(1)
    assert fields.bicubic == pytest.approx(psnr(true, to_uint8(ilr), border=2))


def test_the_first_pixel_has_its_whole_square(fields):
    row, column = fields.point
    assert 5 <= row < 55
    assert 5 <= column < 65


def test_the_field_of_one_pixel_is_measured_on_request(fields, networks):
    fields.request = {"number": 1, "frame": 1, "row": 30, "column": 0}
    assert fields.problem == ""
    assert fields.own_for == [1, 30, 0]
    field = np.frombuffer(fields.own_field, "<f4").reshape(7, 7)
    expected = effective_field(networks[3], degrade(to_luma(scene()), 2), [(30, 0)])
    np.testing.assert_allclose(field, expected, rtol=1e-5)
    assert (field[:, :3] == 0).all()  # outside the picture


def test_a_request_that_cannot_be_is_said_in_the_widget(fields):
    fields.request = {"number": 1, "frame": 0, "row": 99, "column": 0}
    assert "got (99, 0)" in fields.problem


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("frame", 3, r"frame must be in \[0, 2\], got 3"),
        ("point", (60, 0), r"picture of 60 x 70, got \(60, 0\)"),
        ("view", "upside down", "view"),
    ],
)
def test_a_view_of_fields_that_cannot_be_is_refused(fields, name, value, says):
    before = getattr(fields, name)
    with pytest.raises((ValueError, TraitError), match=says):
        setattr(fields, name, value)
    assert getattr(fields, name) == before


def test_the_words_of_fields_name_depths_and_sides(fields):
    assert fields.description.startswith(
        "Receptive fields at scale 2, measured at 4 places: depth 2 sees 5 by 5 pixels"
    )
    assert repr(fields) == "ReceptiveField(60 x 70)  # depth: side 2: 5, 3: 7, 5: 11"


def test_the_picture_follows_the_pixel(fields):
    first = fields.to_png()
    fields.point = (20, 33)
    assert fields.to_png() != first


def test_a_dead_network_is_said_to_be_dead(networks):
    with torch.no_grad():
        dead = VDSR(2, 2)
        dead.body[0].bias.fill_(-9)
    widget = receptive_field_explorer({2: dead}, scene(), places=2)
    assert "no gradient anywhere" in widget.description
    assert np.asarray(Image.open(BytesIO(widget.to_png())).convert("L")).std() > 5


def test_bad_networks_and_pictures_are_refused(networks):
    with pytest.raises(ValueError, match="there is no network"):
        receptive_field_explorer({}, scene())
    with pytest.raises(ValueError, match="field of 11 pixels"):
        receptive_field_explorer(networks, scene(10, 30))
    with pytest.raises(ValueError, match=r"point .* got \(0, 70\)"):
        receptive_field_explorer(networks, scene(), point=(0, 70), places=1)


# --- protocol switchboard -------------------------------------------------------------


def test_every_combination_is_there(board):
    picture = scene(40, 36)
    for turned in ([], ["PSNR over RGB"], ["full-range luma", "no border crop"]):
        board.turned = [name in turned for name in SWITCHES]
        board.picture = "a"
        for board.scale in (2, 3):
            expected = bicubic_psnr(picture, board.scale, combined(turned))
            assert board.psnr == pytest.approx(expected, abs=1e-4)


def test_the_mean_is_over_all_pictures(board):
    each = []
    for board.picture in ("a", "b"):
        each.append(board.psnr)
    board.picture = ""
    assert board.psnr == pytest.approx(np.mean(each))
    assert repr(board) == (
        "ProtocolSwitchboard(the paper)  # bicubic, these pictures, scale 2: "
        f"{board.psnr:.2f} dB"
    )


def test_a_scale_that_was_not_measured_is_asked_for(board):
    assert board.more_scales == [4, 5, 6, 8]
    board.request = {"number": 1, "collection": "these pictures", "scale": 5}
    assert (board.problem, board.scale) == ("", 5)
    assert board.more_scales == [4, 6, 8]
    board.picture = "a"
    assert board.psnr == pytest.approx(bicubic_psnr(scene(40, 36), 5), abs=1e-4)
    assert "at scale 5" in board.description


def test_another_data_set_is_asked_for_and_the_first_comes_back(board, monkeypatch):
    module = sys.modules["vdsr_lib.widgets.protocol_switchboard"]
    monkeypatch.setattr(module, "load_images", lambda name: {"bird": scene(40, 40)})
    before = board.decibels["2"]
    board.picture = "b"
    board.request = {"number": 1, "collection": "set5", "scale": 2}
    assert (board.problem, board.collection, board.names) == ("", "set5", ["bird"])
    assert board.picture == ""
    assert board.description.startswith("Bicubic interpolation of set5 at scale 2")
    board.request = {"number": 2, "collection": "these pictures", "scale": 2}
    assert board.decibels == {"2": before}
    assert board.names == ["a", "b"]


def test_a_data_set_that_is_not_here_is_said_in_the_widget(board, monkeypatch):
    def absent(name):
        raise DataError(f"{name} is not here: run vdsr data fetch {name}")

    module = sys.modules["vdsr_lib.widgets.protocol_switchboard"]
    monkeypatch.setattr(module, "load_images", absent)
    board.request = {"number": 1, "collection": "set5", "scale": 2}
    assert board.problem == "set5 is not here: run vdsr data fetch set5"
    assert board.collection == "these pictures"


def test_bad_switches_are_refused(board):
    with pytest.raises((ValueError, TraitError), match="each of 5 switches, got 2"):
        board.turned = [True, False]
    with pytest.raises((ValueError, TraitError), match="one of a, b, got 'c'"):
        board.picture = "c"
    with pytest.raises((ValueError, TraitError), match="one of 2, 3, got 5"):
        board.scale = 5
    assert board.scale == 2
    tiny = {"a": scene()[:20, :20]}
    with pytest.raises(ValueError, match="got 'sharpening'"):
        protocol_switchboard(tiny, (2,), turned=["sharpening"])
    with pytest.raises(ValueError, match=r"scale must be one of \[2\], got 3"):
        protocol_switchboard(tiny, (2,), scale=3)
    with pytest.raises(ValueError, match="give a picture and a scale"):
        protocol_switchboard({}, (2,))


@pytest.mark.parametrize("shape", [(20, 20), (20, 20, 3)])
def test_a_picture_without_a_finite_psnr_is_refused(networks, shape):
    """A page could not hold it: JSON has no infinity."""
    flat = np.full(shape, 100, np.uint8)
    with pytest.raises(ValueError, match="restores 'flat' exactly at scale 2"):
        protocol_switchboard({"flat": flat}, (2,))
    with pytest.raises(ValueError, match="the picture is restored exactly"):
        receptive_field_explorer(networks, flat, places=1)


# --- clipping -------------------------------------------------------------------------


def test_a_trace_is_packed_without_loss():
    counts = [0] * (len(MAGNITUDES) + 1)
    counts[40], counts[60] = 3, 2
    later = [0] * (len(MAGNITUDES) + 1)
    later[-1] = 5
    row = {"loss": float("inf"), "gradient_norm": float("nan"), "clipped_share": 0.0,
           "largest": 1.0}  # fmt: skip
    trace = GradientTrace("none", 0.1, 1e-4, (1, 2), (tuple(counts), tuple(later)),
                          ({**row, "loss": 2.0}, row), ((0, 30.0),), 30.0,
                          "diverged at step 2")  # fmt: skip
    packed = packed_trace(trace)
    json.dumps(packed, allow_nan=False)
    assert packed["first"] == 40
    for saved, whole in zip(packed["counts"], (counts, later), strict=True):
        assert [0] * 40 + saved == whole
    assert packed["measured"][1]["gradient_norm"] is None


def test_clipping_begins_where_it_is_asked_to(traces, study):
    widget = clipping_explorer(traces, study=study, rule="norm", learning_rate=0.01)
    assert widget.traces[widget.chosen]["rule"] == "norm"
    assert widget.traces[widget.chosen]["learning_rate"] == 0.01
    assert repr(widget) == (
        "ClippingExplorer(6 trainings)  # adjustable, norm, none at 0.1, 0.01"
    )
    with pytest.raises(ValueError, match=r"no trace has rule 'value'.*none at 0.01"):
        clipping_explorer(traces, study=study, rule="value")
    with pytest.raises(ValueError, match="at least one trace"):
        clipping_explorer([], study=study)


def test_one_more_training_is_made_in_a_thread_and_shown(traces, study):
    widget = clipping_explorer(traces, study=study)
    told = []
    widget.observe(lambda change: told.append(change["new"]), "progress")
    wanted = {"rule": "value", "learning_rate": 0.1, "theta": 0.01}
    widget.request = {"number": 1, **wanted}
    assert widget.training.wait(60)
    assert (widget.problem, widget.busy) == ("", False)
    assert len(widget.traces) == 7
    assert widget.chosen == 6
    last = widget.traces[6]
    assert {name: last[name] for name in wanted} == wanted
    assert last == packed_trace(study.trace("value", 0.1, 0.01))
    assert told[-1] == 1.0
    assert "value at rate 0.1" in widget.description


def test_trainings_that_differ_in_theta_alone_are_all_drawn_and_told(
    traces, study, monkeypatch
):
    magnitudes = sys.modules["vdsr_lib.figures.magnitudes"]
    drawn, draw = [], magnitudes.gradient_sizes
    monkeypatch.setattr(
        magnitudes, "gradient_sizes", lambda p, e: drawn.append(list(p)) or draw(p, e)
    )
    wider = study.trace("adjustable", 0.1, 0.01)
    widget = clipping_explorer([*traces, wider], study=study)
    widget._draw()
    assert len(drawn[-1]) == 7
    assert ("adjustable\n\N{GREEK SMALL LETTER THETA} 0.01", "rate 0.1") in drawn[-1]
    assert ("norm", "rate 0.1") in drawn[-1]
    assert "adjustable at rate 0.1, theta 0.0001, " in widget.description
    assert "adjustable at rate 0.1, theta 0.01, " in widget.description
    assert "norm at rate 0.1, theta" not in widget.description


def test_a_training_stops_when_asked(traces):
    study = ClippingStudy(**{**TINY, "steps": 10**6, "every": 10**5})
    widget = clipping_explorer(traces, study=study)
    widget.request = {
        "number": 1,
        "rule": "value",
        "learning_rate": 0.01,
        "theta": 0.01,
    }
    assert widget.busy
    widget.request = {"number": 2, "rule": "norm", "learning_rate": 0.01, "theta": 0.01}
    widget.stop = True
    assert widget.training.wait(60)
    assert widget.traces[-1]["outcome"] == "stopped"
    assert len(widget.traces) == 7  # a second wish meanwhile is not heard


def test_a_script_that_ends_while_a_training_runs_ends_in_order():
    """A thread that comes out of PyTorch into an interpreter that ends aborts it."""
    script = f"""
import time, torch
from vdsr_lib.experiments.gradients import ClippingStudy
from vdsr_lib.widgets import clipping_explorer
torch.set_num_threads(1)
tiny = {TINY!r}
traces = [ClippingStudy(**tiny).trace("norm", 0.1)]
study = ClippingStudy(**tiny | {{"steps": 10**6, "every": 10**5}})
widget = clipping_explorer(traces, study=study)
widget.request = {{"number": 1, "rule": "value", "learning_rate": 0.01, "theta": 0.01}}
limit = time.monotonic() + 60
while not widget.progress and time.monotonic() < limit:
    time.sleep(0.05)
print("runs", widget.busy and widget.progress > 0)
"""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "runs True\n", "")


def test_a_wish_that_cannot_be_is_said_in_the_widget(traces, study):
    widget = clipping_explorer(traces, study=study)
    widget.request = {"number": 1, "rule": "value", "learning_rate": 0, "theta": 0.1}
    assert widget.training.wait(60)
    assert "learning_rate" in widget.problem
    assert not widget.busy
    assert len(widget.traces) == 6


def test_a_training_that_is_not_there_is_refused(traces, study):
    widget = clipping_explorer(traces, study=study)
    with pytest.raises((ValueError, TraitError), match=r"in \[0, 5\], got 6"):
        widget.chosen = 6
