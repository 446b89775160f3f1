"""Running one lesson: papermill's traps, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from vdsr_lib.errors import LabError
from vdsr_lib.suite import runner
from vdsr_lib.suite.kernel import Kernel
from vdsr_lib.suite.lessons import Lesson, Outcome, find_lessons, read_notebook
from vdsr_lib.suite.progress import Progress
from vdsr_lib.suite.reproduction import (
    _environment,
    _threads,
    _usual_jobs,
    reproduce,
)

Build = Callable[[str], Lesson]
PARAMETERS = {"profile": "quick", "device": "cpu", "seed": 7}


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test its own TMPDIR, so that what is left there can be seen."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def run(lesson: Lesson, tmp_path: Path, **options: Any) -> Outcome:
    out = tmp_path / "out"
    options = {"timeout": 60, "progress": Progress([lesson], show=False)} | options
    before = set(psutil.Process().children())
    [outcome] = runner.run_lessons(
        [lesson], PARAMETERS | {"output_dir": str(out)}, out, **options
    )
    assert left_by(before) == [], "a process is left"
    assert list((tmp_path / "tmp").iterdir()) == [], "a temporary file is left"
    return outcome


def left_by(before: set[psutil.Process]) -> list[psutil.Process]:
    """Return this process's new children, with theirs.

    What the older children start is their own affair: the browser of another test
    opens and closes processes at any time.
    """
    new = [each for each in psutil.Process().children() if each not in before]
    return [kin for each in new for kin in (each, *each.children(recursive=True))]


def write(tmp_path: Path, *cells: str, tags: str = "") -> Lesson:
    """Write a lesson of a few code cells; `tags` are those of the first."""
    code = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": source}
        for n, source in enumerate(cells)
    ]  # fmt: skip
    parameters = ["profile", "device", "seed", "output_dir"]
    text = "\n".join(f"{name} = 0" for name in parameters)
    first = code[0] | {"id": "p", "source": text, "metadata": {"tags": ["parameters"]}}
    code[0]["metadata"] = {"tags": [tags]} if tags else {}
    kernel = {"name": "my-env", "display_name": "My env", "language": "python"}
    notebook = {"cells": [first, *code], "nbformat": 4, "nbformat_minor": 5,
                "metadata": {"kernelspec": kernel}}  # fmt: skip
    folder = tmp_path / "lessons"
    folder.mkdir(parents=True)
    (folder / "01_lesson.ipynb").write_text(json.dumps(notebook))
    return find_lessons(folder=folder)[0]


def printed(outcome: Outcome) -> str:
    """Return what a lesson's cells printed."""
    assert outcome.notebook is not None
    cells = read_notebook(outcome.notebook).cells
    outputs = [o for c in cells if c.cell_type == "code" for o in c.outputs]
    return "".join(o.get("text", "") for o in outputs)


# ---- the good case ----


def test_a_good_lesson_runs_and_is_measured(build: Build, tmp_path: Path) -> None:
    lesson = build("good")
    outcome = run(lesson, tmp_path)
    assert (outcome.status, outcome.message) == ("ran", "")
    assert outcome.notebook == tmp_path / "out" / "executed" / "01_good.ipynb"
    assert len(outcome.cell_seconds) == lesson.code_cells == 6
    assert 0 < sum(outcome.cell_seconds) < outcome.seconds < 300
    assert 30e6 < outcome.peak_memory < 2e9
    assert [p.name for p in outcome.notebook.parent.iterdir()] == ["01_good.ipynb"]


def test_the_parameters_arrive(build: Build, tmp_path: Path) -> None:
    assert "quick cpu 7" in printed(run(build("good"), tmp_path))


def test_progress_hears_of_every_cell(build: Build, tmp_path: Path) -> None:
    lesson, heard = build("good"), list[int]()

    class Recorder(Progress):
        def reach(self, lesson: Lesson, done: int) -> None:
            heard.append(done)
            super().reach(lesson, done)

    with Recorder([lesson], show=False) as progress:
        run(lesson, tmp_path, progress=progress)
    assert (heard[0], heard[-1]) == (0, 6)
    assert heard == sorted(heard)
    assert progress.is_over


# ---- what can go wrong in a lesson ----


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("failing_cell", "cell failed", "cell 6: ZeroDivisionError: division by zero"),
        (
            "unknown_claim",
            "cell failed",
            "cell 6: ClaimError: unknown claim 'two-and-too'",
        ),
        ("cell_timeout", "timed out", "cell 6 took longer than 20 s"),
        ("dying_kernel", "kernel died", "cell 6: the kernel died (peak memory "),
        ("early_exit", "cell failed", "cell 6: SystemExit: 0"),
    ],
)
def test_what_stopped_a_lesson_is_named(
    build: Build, tmp_path: Path, name: str, status: str, message: str
) -> None:
    limit = 20 if status == "timed out" else 120
    outcome = run(build(name), tmp_path, timeout=limit)
    assert outcome.status == status
    assert outcome.message.startswith(message)
    folder = tmp_path / "out" / "executed"
    assert [p.name for p in folder.iterdir()] == [f"01_{name}.failed.ipynb"]


def test_the_last_words_of_a_dead_kernel_are_told(build: Build, tmp_path: Path) -> None:
    outcome = run(build("dying_kernel"), tmp_path)
    assert outcome.message.endswith("the last words of the kernel")


def test_an_unknown_parameter_is_refused_before_anything_runs(
    build: Build, tmp_path: Path
) -> None:
    outcome = run(build("unknown_parameter"), tmp_path)
    assert outcome.status == "unknown parameter"
    assert outcome.message == (
        "has no parameter seed; its parameters cell sets profile, device, output_dir"
    )
    assert not (tmp_path / "out").exists()


def test_raises_exception_is_no_excuse(tmp_path: Path) -> None:
    lesson = write(tmp_path, "raise ValueError('meant')", tags="raises-exception")
    outcome = run(lesson, tmp_path)
    assert (outcome.status, outcome.error) == ("cell failed", "ValueError")
    assert outcome.message == "cell 2: ValueError: meant"


def test_a_message_of_a_megabyte_loses_its_middle(tmp_path: Path) -> None:
    outcome = run(write(tmp_path, "raise ValueError('x' * 10**6 + 'end')"), tmp_path)
    assert outcome.status == "cell failed"
    assert outcome.message.startswith("cell 2: ValueError: xxx")
    assert outcome.message.endswith("xxxend")
    assert "x ... (" in outcome.message
    assert len(outcome.message) < 5_000


def test_an_earlier_result_does_not_stay(build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "executed"
    folder.mkdir(parents=True)
    (folder / "01_failing_cell.ipynb").write_text("an old success")
    run(build("failing_cell"), tmp_path)
    assert [p.name for p in folder.iterdir()] == ["01_failing_cell.failed.ipynb"]


def test_a_notebook_that_claims_to_be_complete_is_not_believed(tmp_path: Path) -> None:
    lesson = write(tmp_path, "1", "2")
    notebook = read_notebook(lesson.path)
    notebook.cells[0].execution_count = notebook.cells[1].execution_count = 1
    outcome = Outcome(lesson)
    runner._judge_cells(outcome, notebook)
    assert (outcome.status, outcome.message) == (
        "not completed",
        "cell 3 was never run",
    )


# ---- several at a time ----


def written(folder: Path, number: str, *cells: str) -> Lesson:
    """Write one lesson of several into a folder of their own."""
    lesson = write(folder / number, *cells)
    target = lesson.path.with_name(f"{number}_lesson.ipynb")
    lesson.path.rename(target)
    return find_lessons(folder=target.parent)[0]


def together(lessons: list[Lesson], tmp_path: Path, jobs: int) -> list[Outcome]:
    """Run lessons, and look that they leave nothing."""
    out = tmp_path / "out"
    before = set(psutil.Process().children())
    with Progress(lessons, jobs=jobs, show=False) as progress:
        outcomes = runner.run_lessons(
            lessons,
            PARAMETERS | {"output_dir": str(out)},
            out,
            progress=progress,
            jobs=jobs,
            timeout=60,
        )
    assert progress.is_over
    assert left_by(before) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert papermills() == []
    return outcomes


def meeting(own: Path, other: Path) -> str:
    """Return a cell that waits until the cell of another lesson runs, too."""
    return (
        "import pathlib, time\n"
        f"pathlib.Path({str(own)!r}).touch()\n"
        "end = time.monotonic() + 40\n"
        f"while not pathlib.Path({str(other)!r}).exists():\n"
        "    assert time.monotonic() < end, 'alone'\n"
        "    time.sleep(0.02)\n"
        "print('met')"
    )


def test_two_lessons_run_side_by_side_and_come_out_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    lessons = [
        written(tmp_path, "01", meeting(first, second), "import time; time.sleep(1)"),
        written(tmp_path, "02", meeting(second, first)),
        written(tmp_path, "03", "print('met')"),
    ]
    outcomes = together(lessons, tmp_path, jobs=2)
    assert [each.lesson.number for each in outcomes] == ["01", "02", "03"]
    assert [each.message for each in outcomes] == ["", "", ""]
    assert [printed(each).strip() for each in outcomes] == ["met"] * 3
    assert [len(each.cell_seconds) for each in outcomes] == [3, 2, 2]
    assert all(each.peak_memory > 30e6 for each in outcomes)


def test_one_at_a_time_they_never_meet(tmp_path: Path) -> None:
    """The fixture must be able to tell: alone, neither sees the other."""
    note = tmp_path / "note"
    cell = f"import pathlib; path = pathlib.Path({str(note)!r})\nprint(path.exists())\n"
    lessons = [
        written(tmp_path, "01", f"{cell}path.touch()", f"{cell}path.unlink()"),
        written(tmp_path, "02", cell),
    ]
    outcomes = together(lessons, tmp_path, jobs=1)
    assert [printed(each).split() for each in outcomes] == [
        ["False", "True"],
        ["False"],
    ]


def test_one_that_fails_leaves_the_other_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    lessons = [
        written(tmp_path, "01", meeting(first, second), "import os; os._exit(3)"),
        written(tmp_path, "02", meeting(second, first), "import time; time.sleep(2)"),
    ]
    dead, well = together(lessons, tmp_path, jobs=2)
    assert (dead.status, well.status) == ("kernel died", "ran"), well.message


def test_interrupted_both_kernels_end(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    where = "import os; print(os.getpid())\n"
    ends = "pathlib.Path({!r}).write_text(str(os.getpid())); time.sleep(99)"
    pids = [tmp_path / "one.pid", tmp_path / "two.pid"]
    lessons = [
        written(
            tmp_path, "01", where + meeting(first, second), ends.format(str(pids[0]))
        ),
        written(
            tmp_path, "02", where + meeting(second, first), ends.format(str(pids[1]))
        ),
    ]

    class Interrupting(Progress):
        def wait(self) -> None:
            if all(pid.exists() and pid.read_text() for pid in pids):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run_lessons(
            lessons,
            PARAMETERS | {"output_dir": "out"},
            tmp_path / "out",
            progress=Interrupting(lessons, jobs=2, show=False),
            jobs=2,
        )
    for pid in pids:
        wait_for_the_end(int(pid.read_text()))
    assert papermills() == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_each_kernel_gets_its_share_of_the_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert _usual_jobs("cpu") == 2
    assert _usual_jobs("cuda") == 1
    assert _threads(1) == {}
    assert _threads(3) == {"OMP_NUM_THREADS": "2"}
    assert _threads(9) == {"OMP_NUM_THREADS": "1"}
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert _usual_jobs("cpu") == 1


# ---- the kernel is ours ----


def test_any_kernelspec_in_the_notebook_runs_in_this_interpreter(
    tmp_path: Path,
) -> None:
    outcome = run(write(tmp_path, "import sys; print(sys.executable)"), tmp_path)
    assert outcome.status == "ran", outcome.message
    assert printed(outcome).strip() == sys.executable


def test_the_users_jupyter_and_ipython_folders_have_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "user" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = ["/bin/false", "{connection_file}"]
    text = {"argv": argv, "display_name": "another Python", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(text))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("surprise = 1\n")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "user"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cell = "import sys; print(sys.executable, 'surprise' in globals())"
    assert printed(run(write(tmp_path, cell), tmp_path)).split() == [
        sys.executable,
        "False",
    ]


def test_the_working_directory_is_the_lessons_and_the_callers_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lesson = write(tmp_path, "import os; print(os.getcwd())")
    assert printed(run(lesson, tmp_path)).strip() == str(lesson.path.parent)
    assert Path.cwd() == tmp_path


def test_variables_reach_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDSR_DATA_DIR", "/some/where")
    cell = "import os; print(os.environ['VDSR_DATA_DIR'], os.environ['MINE'])"
    outcome = run(write(tmp_path, cell), tmp_path, environment={"MINE": "yes"})
    assert printed(outcome).split() == ["/some/where", "yes"]


def test_the_kernel_finds_this_copy_of_the_library(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome = run(
        write(tmp_path, "import vdsr_lib; print(vdsr_lib.__file__)"), tmp_path
    )
    assert printed(outcome).strip() == str(root / "vdsr_lib" / "__init__.py")


def test_the_kernel_starts_quietly(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    kernel.start()
    deadline = time.monotonic() + 30
    while not kernel.peak_memory > 30e6 and time.monotonic() < deadline:
        kernel.sample()
        time.sleep(0.1)
    time.sleep(0.5)
    log = kernel._log_file.read_text()
    kernel.close()
    assert "TCP" not in log
    assert "WARNING" not in log.upper().replace("DEBUGGER WARNING", "")


def test_a_kernel_that_cannot_start_leaves_no_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = write(tmp_path, "1")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    outcome = run(lesson, tmp_path)
    assert outcome.status == "kernel died"
    assert outcome.message.startswith("the kernel's start: the kernel died")
    assert not (tmp_path / "out" / "executed" / "01_lesson.ipynb").exists()


def test_an_interpreter_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = write(tmp_path, "1")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    outcome = run(lesson, tmp_path)
    assert outcome.status == "not completed"
    assert "/nowhere/python" in outcome.message


def test_peak_memory_is_the_peak_and_not_the_end(tmp_path: Path) -> None:
    cells = ["x = bytearray(300_000_000)", "del x", "print(1)"]
    assert run(write(tmp_path, *cells), tmp_path).peak_memory > 300e6


def test_a_kernel_killed_while_it_starts_does_not_live_on(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    kernel.kill()  # too early: there is no process yet
    kernel.start()
    pid = kernel.pid
    kernel.close()
    assert pid
    wait_for_the_end(pid)


def test_killing_takes_the_children_along(tmp_path: Path) -> None:
    cell = (
        "import subprocess, sys, time, pathlib\n"
        "code = 'import time; time.sleep(99)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code])\n"
        "pathlib.Path('child.pid').write_text(str(child.pid))\n"
        "time.sleep(99)"
    )
    lesson = write(tmp_path, cell)
    note = lesson.path.parent / "child.pid"

    class Interrupting(Progress):
        def wait(self) -> None:
            if note.exists() and note.read_text():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lesson, tmp_path, progress=Interrupting([lesson], show=False))
    wait_for_the_end(int(note.read_text()))
    assert papermills() == []
    assert not (tmp_path / "out").exists()


def test_a_child_in_a_session_of_its_own_ends_with_its_lesson(tmp_path: Path) -> None:
    """The signal to the kernel's process group does not reach it."""
    cell = (
        "import subprocess, sys, pathlib\n"
        "code = 'import time; time.sleep(99)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code],"
        " start_new_session=True)\n"
        "pathlib.Path('child.pid').write_text(str(child.pid))"
    )
    lesson = write(tmp_path, cell)
    outcome = run(lesson, tmp_path)
    assert outcome.status == "ran", outcome.message
    wait_for_the_end(int((lesson.path.parent / "child.pid").read_text()))


def papermills() -> list[str]:
    """Return the names of the threads in which papermill runs."""
    return [t.name for t in threading.enumerate() if t.name.startswith("papermill")]


def wait_for_the_end(pid: int) -> None:
    """Wait until a process that was killed is gone; a busy machine is slow at that."""
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie":
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def test_paths_for_the_kernels_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VDSR_DATA_DIR", "pictures")
    monkeypatch.setenv("VDSR_RUNS_DIR", "runs")
    monkeypatch.delenv("VDSR_CLAIMS_FILE", raising=False)
    assert _environment(None) == {
        "VDSR_DATA_DIR": str(tmp_path / "pictures"),
        "VDSR_RUNS_DIR": str(tmp_path / "runs"),
    }
    assert _environment("c.toml")["VDSR_CLAIMS_FILE"] == str(tmp_path / "c.toml")


def test_a_folder_that_nobody_has_ends_the_suite_before_the_last_report_goes(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("VDSR_RUNS_DIR", "~nobody-here/runs")
    (tmp_path / "report.html").write_text("of yesterday")
    with pytest.raises(LabError, match="~nobody-here/runs is no usable path"):
        reproduce([], tmp_path, device="cpu")
    assert (tmp_path / "report.html").read_text() == "of yesterday"


# ---- finding lessons ----


def test_lessons_are_found_in_order_and_by_number(tmp_path: Path) -> None:
    first = write(tmp_path, "1").path
    for name in ("00_zero", "10_ten"):
        (first.parent / f"{name}.ipynb").write_bytes(first.read_bytes())
    (first.parent / "scratch.ipynb").write_text("not a lesson")

    def numbers(wanted: list[str] | None) -> list[str]:
        return [x.number for x in find_lessons(wanted, first.parent)]

    assert numbers(None) == ["00", "01", "10"]
    assert numbers(["10", "1", "01"]) == ["01", "10"]
    with pytest.raises(LabError, match="no lesson ; known: 00, 01, 10"):
        numbers([""])
    with pytest.raises(LabError, match="no lesson 02; known: 00, 01, 10"):
        numbers(["02"])
    (first.parent / "10_again.ipynb").write_bytes(first.read_bytes())
    with pytest.raises(LabError, match=r"10_again\.ipynb and 10_ten\.ipynb share"):
        numbers(None)


def test_no_lessons_and_damaged_lessons_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="holds no lesson"):
        find_lessons(folder=tmp_path)
    (tmp_path / "01_bad.ipynb").write_text("{")
    with pytest.raises(LabError, match=r"01_bad\.ipynb: not a notebook"):
        find_lessons(folder=tmp_path)


def test_a_comment_in_the_code_is_no_title(tmp_path: Path) -> None:
    assert write(tmp_path, "# imports\nimport math").title == "01_lesson"


def test_a_lesson_knows_its_title_and_length(build: Build) -> None:
    lesson = build("good")
    assert lesson.title == "A lesson that holds"
    assert (lesson.code_cells, lesson.parameters_cell) == (6, 3)
    assert os.fspath(lesson.path).endswith("01_good.ipynb")
