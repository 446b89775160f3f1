"""``vdsr data``: what it prints, what it leaves, and its exit status."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdsr_lib import datasets
from vdsr_lib.cli import app


class QuietHandler(SimpleHTTPRequestHandler):
    """What ``python -m http.server`` uses, without its log."""

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def vdsr(*arguments: str | Path) -> tuple[int, str]:
    """Run a command in this process; return its exit status and standard output."""
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of the printed table by the name of the set."""
    lines = text.split("\n\n")[0].splitlines()
    cells = [[part.strip() for part in line.split("  ") if part] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_list_shows_every_set_with_size_use_presence_and_terms(tmp_path: Path):
    status, text = vdsr("list", "--data-dir", tmp_path)
    found = rows(text)
    assert status == 0
    assert found.pop("set") == ["pictures", "MB", "use", "here", "terms of use"]
    assert list(found) == list(datasets.dataset_names())
    assert found["set5"] == ["5", "1.7", "benchmark", "no", "none stated"]
    assert found["b100"][-1] == "non-commercial research and education"
    assert found["291"] == ["291", "30.7", "training", "no", "those of t91 and bsd200"]
    assert found["embedded-test"][:4] == ["5", "-", "test", "yes"]


def test_list_counts_what_is_here(tmp_path: Path):
    folder = tmp_path / "set5"
    folder.mkdir()
    for file in datasets.sources()["set5"].files[:3]:
        (folder / file.name).write_bytes(bytes(file.size))
    assert rows(vdsr("list", "--data-dir", tmp_path)[1])["set5"][3] == "3 of 5"


def test_where_prints_the_folder_alone(tmp_path: Path, monkeypatch):
    assert vdsr("where", "--data-dir", tmp_path) == (0, f"{tmp_path}\n")
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "named"))
    assert vdsr("where") == (0, f"{tmp_path / 'named'}\n")
    assert not (tmp_path / "named").exists()


def test_verify_without_any_set_says_how_to_get_one(tmp_path: Path):
    status, text = vdsr("verify", "--data-dir", tmp_path)
    assert status == 0
    assert "get one with 'vdsr data fetch NAME'" in text


def test_verify_passes_over_no_set_that_is_damaged_from_end_to_end(tmp_path: Path):
    """Not one file has its length: the set is here all the same."""
    (tmp_path / "set5").mkdir()
    for file in datasets.sources()["set5"].files:
        (tmp_path / "set5" / file.name).write_bytes(b"cut short")
    status, text = vdsr("verify", "--data-dir", tmp_path)
    assert status == 1
    assert text.count("wrong: set5/") == 5
    assert "set5: 0 of 5 files are right; repair it with 'vdsr data fetch" in text
    assert "set14" not in text


def test_verify_names_wrong_and_missing_files(tmp_path: Path):
    folder = tmp_path / "set5"
    folder.mkdir()
    first = datasets.sources()["set5"].files[0]
    (folder / first.name).write_bytes(bytes(first.size))
    status, text = vdsr("verify", "--data-dir", tmp_path)
    assert status == 1
    assert text.splitlines() == [
        "wrong: set5/baby_GT.bmp",
        "missing: set5/bird_GT.bmp",
        "missing: set5/butterfly_GT.bmp",
        "missing: set5/head_GT.bmp",
        "missing: set5/woman_GT.bmp",
        "set5: 0 of 5 files are right; repair it with 'vdsr data fetch set5 "
        f"--data-dir {tmp_path}'",
    ]


def test_a_wrong_name_is_refused_before_anything_is_fetched(tmp_path, monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(datasets, "fetch", lambda name, **_: calls.append(name) or [])
    with pytest.raises(datasets.loading.DataError, match="'set6'"):
        vdsr("fetch", "set5", "set6", "--data-dir", tmp_path)
    assert not calls


def test_an_embedded_set_is_there_already():
    status, text = vdsr("fetch", "embedded-train")
    assert status == 0
    assert text.startswith("embedded-train: 10 pictures in ")


@pytest.mark.datasets
def test_fetch_from_the_folder_that_another_machine_serves(
    real_data: Path, tmp_path: Path
):
    handler = partial(QuietHandler, directory=str(real_data))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        mirror = f"http://127.0.0.1:{server.server_port}"
        status, text = vdsr(
            *("fetch", "set5", "set14", "--data-dir", tmp_path, "--mirror", mirror)
        )
        server.shutdown()
    assert status == 0
    assert text.splitlines() == [
        f"set5: 5 pictures in {tmp_path / 'set5'}",
        f"set14: 14 pictures in {tmp_path / 'set14'}",
    ]
    status, text = vdsr("verify", "--data-dir", tmp_path)
    assert status == 0
    assert "set14: 14 of 14 files are right" in text
    assert len(datasets.load_images("set14", data_dir=tmp_path)) == 14


def test_a_mistake_is_one_sentence_and_status_2(mistake, tmp_path: Path):
    for arguments in (
        ["fetch", "set6"],
        ["fetch", "set5", "--mirror", "file:///tmp", "--data-dir", str(tmp_path)],
        ["fetch", "set5", "--workers", "0", "--data-dir", str(tmp_path)],
    ):
        mistake("data", *arguments, silent=True)


def test_help_comes_without_torch():
    script = (
        "import sys; from typer.testing import CliRunner; from vdsr_lib.cli import app;"
        "r = CliRunner().invoke(app, ['data', '--help']); assert 'verify' in r.stdout;"
        "assert 'torch' not in sys.modules and 'skimage' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
