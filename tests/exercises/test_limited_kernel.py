"""Each limit of the kernel that grades: a process of its own runs into it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vdsr_lib.suite import limited_kernel
from vdsr_lib.suite.classroom import KERNEL, make_course

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="limits are those of a Unix"
)

BEFORE = """
from vdsr_lib.suite.limited_kernel import limit, own_folder
print(own_folder(), flush=True)
limit()
"""


def run(
    code: str, folder: Path, **limits: int
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run code as the kernel would; return what became of it, and what it printed."""
    environment = {name: str(value) for name, value in limits.items()}
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + code],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder.parent)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        start_new_session=True,
    )
    return done, done.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A submission's folder, with one file."""
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "sheet.ipynb").write_text("{}")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone enforces it")
def test_memory_ends_in_an_error_that_python_can_name(folder: Path) -> None:
    code = """
try:
    hoard = bytearray(200 * 1024**2)
except MemoryError:
    print("refused")
small = bytearray(10 * 1024**2)
print("fits")
"""
    _, said = run(code, folder, VDSR_KERNEL_MEMORY=150 * 1024**2)
    assert said[1:] == ["refused", "fits"]
    _, unlimited = run(code, folder, VDSR_KERNEL_MEMORY=0)
    assert unlimited[1:] == ["fits"]


def test_processor_time_ends_a_loop_that_swallows_everything(folder: Path) -> None:
    code = """
while True:
    try:
        while True: pass
    except BaseException: pass
"""
    done, _ = run(code, folder, VDSR_KERNEL_SECONDS=1)
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_a_file_ends_at_its_size_and_the_code_goes_on(folder: Path) -> None:
    code = """
try:
    with open("large", "wb") as file: file.write(bytes(100_000))
except OSError as error: print(error.strerror.replace(" ", "_"))
"""
    _, said = run(code, folder, VDSR_KERNEL_FILE=50_000)
    assert said[1:] == ["File_too_large"]


def test_what_is_deleted_and_written_is_a_copy_and_the_copy_goes(folder: Path) -> None:
    code = """
import os, shutil
print(*os.listdir("."))
open("new", "w").close()
shutil.rmtree("..", ignore_errors=True)
print(os.path.exists("sheet.ipynb"))
"""
    done, said = run(code, folder)
    assert (done.returncode, said[1:]) == (0, ["sheet.ipynb", "False"])
    assert [path.name for path in folder.iterdir()] == ["sheet.ipynb"]
    gone(folder.parent)


def test_a_huge_file_in_a_submission_is_not_copied(folder: Path) -> None:
    (folder / "huge").write_bytes(bytes(2_000))
    code = "import os; print(*os.listdir('.'))"
    _, said = run(code, folder, VDSR_KERNEL_FILE=1_000)
    assert said[1:] == ["sheet.ipynb"]
    _, everything = run(code, folder, VDSR_KERNEL_FILE=0)
    assert sorted(everything[1:]) == ["huge", "sheet.ipynb"]


def test_the_time_on_the_clock_ends_a_kernel_that_only_waits(folder: Path) -> None:
    begun = time.monotonic()
    done, _ = run("import time\ntime.sleep(100)", folder, VDSR_KERNEL_WALL=1)
    assert done.returncode == -signal.SIGKILL
    assert time.monotonic() - begun < 60
    gone(folder.parent)


def test_what_the_code_started_ends_with_it(folder: Path) -> None:
    code = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(child.pid)
"""
    done, said = run(code, folder)
    assert done.returncode == 0
    gone(folder.parent)
    state = Path(f"/proc/{said[1]}/stat")
    deadline = time.monotonic() + 30  # SIGKILL was sent; a busy machine acts on it late
    while runs(state):
        assert time.monotonic() < deadline, f"process {said[1]} still runs"
        time.sleep(0.02)


def runs(state: Path) -> bool:
    """Say whether a process of Linux is there, and no zombie."""
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(parent: Path) -> None:
    """Wait until no copy is left."""
    deadline = time.monotonic() + 30
    while left := list(parent.glob("vdsr-graded-*")):
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.02)


def test_a_course_states_every_limit_in_its_kernelspec(tmp_path: Path) -> None:
    make_course(tmp_path)
    path = tmp_path / "jupyter" / "kernels" / KERNEL / "kernel.json"
    environment = json.loads(path.read_text())["env"]
    limits = {name: value for name, (_, value) in limited_kernel.LIMITS.items()}
    limits |= dict([limited_kernel.OUTPUT, limited_kernel.WALL])
    assert environment.items() >= {k: str(v) for k, v in limits.items()}.items()
    said = (tmp_path / "README.md").read_text()
    for words in (
        "3 GiB",
        "300 s of",
        "64 MiB",
        "200,000 characters",
        "half an hour",
    ):
        assert words in said.replace("\n", " ")
    assert "@" not in said + (tmp_path / "nbgrader_config.py").read_text()
    assert limits == {
        "VDSR_KERNEL_MEMORY": 3 * 2**30,
        "VDSR_KERNEL_SECONDS": 300,
        "VDSR_KERNEL_FILE": 64 * 2**20,
        "VDSR_KERNEL_OUTPUT": 200_000,
        "VDSR_KERNEL_WALL": 1800,
    }


def test_large_messages_stop_and_small_ones_do_not() -> None:
    from vdsr_lib.suite.limited_output import bounded

    sent: list[int] = []
    send = bounded(lambda message: sent.append(sum(map(len, message))), 100_000)
    for size in (90_000, 20_000, 500, 8_000, 20_000, 500):
        send([b"x" * size])
    assert sent == [90_000, 500, 8_000, 500]


@pytest.mark.slow
def test_a_kernel_that_ends_itself_keeps_its_points_and_earns_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbgrader_utils = pytest.importorskip("nbgrader.utils")
    from nbformat import v4

    from vdsr_lib.suite.limited_execute import LimitedExecute

    make_course(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    facts = {"grade": True, "solution": False, "locked": True, "points": 2}
    notebook = v4.new_notebook()
    for text in ("1 + 1 == 2", "import os\nos._exit(0)", "1 + 1 == 2", "# Words"):
        kind = v4.new_markdown_cell if text.startswith("#") else v4.new_code_cell
        notebook.cells.append(kind(text, metadata={"nbgrader": facts}))
    run = LimitedExecute(kernel_name=KERNEL, timeout=60, startup_timeout=120)
    for _ in range(2):  # the same object grades one submission after another
        done, _ = run.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
        marks = [nbgrader_utils.determine_grade(c)[0] for c in done.cells[:3]]
        assert marks == [2, 0, 0]
        assert done.cells[2].outputs[0].ename == "KernelEnded"
        assert "outputs" not in done.cells[3]
