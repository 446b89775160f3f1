"""``vdsr app``: what is refused before a server starts, and what is written for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.cli.application import free_port, offered, prepare, voila_arguments
from vdsr_lib.models import VDSR
from vdsr_lib.weights import save_model

ROOT = Path(__file__).resolve().parents[2]


def test_help_says_that_it_stays_on_this_computer():
    result = CliRunner().invoke(app, ["app", "--help"])
    assert result.exit_code == 0
    assert "127.0.0.1" in result.stdout


def test_a_taken_port_is_passed_over_or_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port {port} is taken: choose another"):
            free_port(port)
    assert free_port(port) == port
    assert 8866 <= free_port() < 8916
    with pytest.raises(ValueError, match=r"port must be in \[1, 65535\], got 0"):
        free_port(0)


def test_mistakes_end_in_one_sentence(tmp_path, mistake):
    pytest.importorskip("voila")
    gone = tmp_path / "gone.safetensors"
    said = mistake("app", "--no-browser", "--weights", gone)
    assert said == f"vdsr: {gone} does not exist; a weights file is wanted here"
    said = mistake("app", "--no-browser", "--port", 70000)
    assert said == "vdsr: port must be in [1, 65535], got 70000"


def test_each_file_is_offered_by_a_name_of_its_own(tmp_path, monkeypatch):
    """A ~ is the home, a colon in a folder's name is no end of it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    first = save_model(VDSR(2, 4), tmp_path / "12:30" / "net.safetensors")
    second = save_model(VDSR(3, 4), tmp_path / "net.safetensors")
    third = save_model(VDSR(4, 4), tmp_path / "other.safetensors")
    given = [Path("12:30/net.safetensors"), second, second, Path("~") / third.name]
    offer = offered(given)
    assert offer == {"net": str(first), str(second): str(second), "other": str(third)}
    monkeypatch.setenv("VDSR_APP_WEIGHTS", json.dumps(offer))
    shown = {}
    monkeypatch.setattr("vdsr_lib.widgets.own_picture", shown.update)
    code = (ROOT / "notebooks" / "app" / "own_picture.py").read_text("utf-8")
    exec(code, {})
    depths = {name: network.depth for name, network in shown["models"].items()}
    assert depths == {"net": 2, str(second): 3, "other": 4}


def test_without_voila_the_extra_is_named(monkeypatch, mistake):
    monkeypatch.setitem(sys.modules, "voila.app", None)
    said = mistake("app", "--no-browser")
    assert 'pip install ".[app]"' in said


def test_voila_serves_one_page_to_this_computer(tmp_path):
    page = prepare(tmp_path)
    arguments = voila_arguments(page, 9000, browser=False)
    assert arguments[0] == str(page)
    assert {"--Voila.ip=127.0.0.1", "--Voila.port=9000"} <= set(arguments)
    assert "--Voila.open_browser=False" in arguments
    cells = json.loads(page.read_text("utf-8"))["cells"]
    assert "own_picture(" in "".join(cells[-1]["source"])
    template = tmp_path / "voila" / "templates" / "vdsr" / "index.html.j2"
    assert "http" not in template.read_text("utf-8")
    kernel = json.loads((tmp_path / "kernels" / "python3" / "kernel.json").read_text())
    assert kernel["argv"][0] == sys.executable


def test_jupyterlab_s_settings_of_the_project_save_widgets():
    """The variable that `make lab` sets makes JupyterLab save the widgets' state."""
    pytest.importorskip("jupyterlab_server")
    code = (
        "from jupyterlab_server.settings_utils import _get_overrides as get;"
        "import json; print(json.dumps(get('nowhere')[0]))"
    )
    settings = {"JUPYTER_CONFIG_PATH": str(ROOT / "notebooks" / "settings")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    plugin = json.loads(done.stdout)["@jupyter-widgets/jupyterlab-manager:plugin"]
    assert plugin["saveState"] is True
