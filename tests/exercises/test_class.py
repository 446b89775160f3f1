"""A class of four, from the course folder to the exported grades, through nbgrader.

One student's code loops, allocates, deletes and prints without end, another's notebook
has cells twice; the others' marks must not notice. What students write stands below;
the marks are planned by hand.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import pytest

from vdsr_lib.errors import LabError
from vdsr_lib.suite import assignments
from vdsr_lib.suite.classroom import make_course, release_versions

pytest.importorskip("nbgrader")

NAME = "02_build_both_networks"
POINTS = {
    "layer-parameters": 2,
    "vdsr-parameters": 3,
    "srcnn-forward": 4,
    "vdsr-forward": 4,
    "first-weights": 3,
    "multiplications": 3,
    "counted-by-hand": 2,
    "layers": 4,
}
NO_BIASES = """
def my_vdsr_parameters(depth, width):
    return 9 * width + (depth - 2) * 9 * width * width + 9 * width
"""
WARNS = """
import sys, warnings
def my_layer_parameters(incoming, outgoing, kernel):
    warnings.warn("this is no mistake")
    print("nor is this", file=sys.stderr)
    return incoming * outgoing * kernel**2 + outgoing
"""
DESTROYS = """
import os, shutil
with open("large", "wb") as file:
    try:
        file.truncate(100 * 1024**2)
    except OSError:
        too_large = True
folder = os.getcwd()
shutil.rmtree(folder)
shutil.rmtree(os.path.dirname(folder), ignore_errors=True)
assert too_large
"""
SWALLOWS = """
import time
while True:
    try:
        time.sleep(1000)
    except KeyboardInterrupt:
        pass
"""
# Student -> cell -> what stands there, or before the solution where it ends in "...";
# all other cells hold the solution.
STUDENTS: dict[str, dict[str, str]] = {
    "ada": {},
    "bob": {
        "layer-parameters-code": "for _ in range(2000):\n    print('x' * 20000)\n...",
        "vdsr-parameters-code": "hoard = bytearray(16 * 1024**3)\n...",
        "srcnn-forward-code": DESTROYS + "...",
        "vdsr-forward-code": "while True:\n    pass\n...",
        "first-weights-code": SWALLOWS + "...",
    },
    "cid": {},  # see `muddled`
    "eve": {
        "layer-parameters-code": WARNS,
        "vdsr-parameters-code": NO_BIASES,
        "multiplications-code": "def my_multiplications(*sizes):\n    return None",
        "layers": "SRCNN has three layers of weights, and four of data.",
    },
}
# By hand, task by task: the hoard is a cell's error, and the function is not defined;
# what uses that function is lost with it, and all that follows the kernel's end.
PLANNED = {
    "ada": {**POINTS, "layers": 0},
    "bob": {**dict.fromkeys(POINTS, 0), "layer-parameters": 2, "srcnn-forward": 4},
    "cid": {**POINTS, "layers": 0},
    "eve": {
        **POINTS,
        "vdsr-parameters": 0,
        "multiplications": 0,
        "counted-by-hand": 0,
        "layers": 0,
    },
}


def nbgrader(folder: Path, *words: str) -> None:
    """Type a command of nbgrader's in a folder, without a new process."""
    from jupyter_core.application import NoStart
    from nbgrader.apps import NbGraderApp

    NbGraderApp.clear_instance()
    with chdir(folder):
        app = NbGraderApp.instance()
        app.initialize(list(words))
        with suppress(NoStart):  # its way of saying that a subcommand was run
            app.start()
    type(app.subapp).clear_instance()


def handed_in(released: Path, answers: dict[str, str]) -> str:
    """Fill in a released notebook: the solutions, but for these answers."""
    notebook = json.loads(released.read_text())
    [source] = [path for path in assignments.sources() if path.stem == NAME]
    solved = json.loads(assignments.generate(source, "solution"))
    for cell, solution in zip(notebook["cells"], solved["cells"], strict=True):
        facts = cell["metadata"].get("nbgrader", {})
        if facts.get("solution"):
            text = "".join(solution["source"])
            answer = answers.get(facts["grade_id"], "...")
            cell["source"] = answer.replace("...", text)
    return json.dumps(notebook)


def muddled(text: str) -> str:
    """Copy a task and its test above themselves, as a hand on the keyboard does."""
    notebook = json.loads(text)
    for name in ("layer-parameters-code", "layer-parameters"):
        [place] = [
            number
            for number, cell in enumerate(notebook["cells"])
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == name
        ]
        cell = notebook["cells"][place]
        notebook["cells"].insert(place, cell | {"id": f"copied-{place}"})
    return json.dumps(notebook)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A course whose first cycle was gone through, with the grades exported."""
    from vdsr_lib.suite.limited_execute import LimitedExecute

    here = tmp_path_factory.mktemp("class")
    folder = here / "course"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(here))
        patch.setenv("JUPYTER_PATH", "")
        for kind in ("CONFIG", "DATA", "RUNTIME"):
            patch.setenv(f"JUPYTER_{kind}_DIR", str(here / kind.lower()))
        patch.setenv("VDSR_EXCHANGE", str(folder / "exchange"))
        patch.setenv("PATH", os.environ["PATH"])
        patch.setattr("tempfile.tempdir", None)
        make_course(folder)
        release_versions(folder)
        nbgrader(folder, "release_assignment", NAME)
        for student, answers in STUDENTS.items():
            attend(here / student, folder, answers)
        nbgrader(folder, "collect", NAME)
        patch.setattr(LimitedExecute, "timeout_func", patience)
        seconds = ("--Execute.timeout=5", "--Execute.iopub_timeout=10")
        nbgrader(folder, "autograde", NAME, *seconds)
        for step in ("generate_feedback", "release_feedback"):
            nbgrader(folder, step, NAME)
        nbgrader(here / "eve", "fetch_feedback", NAME, *identity("eve"))
        nbgrader(folder, "export")
        yield folder


def patience(grader: Any, cell: Any) -> int:
    """Give only the cells that never end the short time that was asked for."""
    endless = "while True" in cell.source
    return int(grader.timeout) if endless else 120  # a busy machine imports slowly


def attend(home: Path, folder: Path, answers: dict[str, str]) -> None:
    """Be a student: fetch, work, submit."""
    home.mkdir()
    config = (folder / "students" / "nbgrader_config.py").read_text()
    (home / "nbgrader_config.py").write_text(config)
    nbgrader(home, "fetch_assignment", NAME, *identity(home.name))
    sheet = home / NAME / f"{NAME}.ipynb"
    assert "BEGIN" not in sheet.read_text()  # neither solutions nor hidden tests
    text = handed_in(sheet, answers)
    sheet.write_text(muddled(text) if home.name == "cid" else text)
    nbgrader(home, "submit", NAME, *identity(home.name))


def identity(name: str) -> tuple[str, str]:
    """Return what makes one account four students: a name, and a drawer of one's own.

    nbgrader keeps there what was submitted, and looks up feedback by it.
    """
    return f"--CourseDirectory.student_id={name}", "--Exchange.cache=drawer"


def marks(folder: Path, student: str) -> dict[str, float]:
    """Return the gradebook's points of a student, task by task."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder}/gradebook.db", "vdsr") as book:
        sheet = book.find_submission_notebook(NAME, NAME, student)
        return {grade.cell.name: grade.score for grade in sheet.grades}


def outputs(folder: Path, student: str) -> dict[str, str]:
    """Return what was written under each graded or solution cell when autograded."""
    path = folder / "autograded" / student / NAME / f"{NAME}.ipynb"
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: json.dumps(cell["outputs"])
        for cell in json.loads(path.read_text())["cells"]
        if cell["cell_type"] == "code" and "nbgrader" in cell["metadata"]
    }


@pytest.mark.slow
@pytest.mark.parametrize("student", STUDENTS)
def test_each_student_has_the_planned_marks(course: Path, student: str) -> None:
    assert sum(POINTS.values()) == 25
    assert marks(course, student) == PLANNED[student]


@pytest.mark.slow
def test_each_attack_is_ended_by_its_limit(course: Path) -> None:
    said = outputs(course, "bob")
    assert "nothing is shown after 200000 characters" in said["layer-parameters-code"]
    assert "MemoryError" in said["vdsr-parameters-code"]
    assert "CellTimeoutError" in said["vdsr-forward-code"]
    assert "KernelEnded" in said["first-weights-code"]
    assert "KernelEnded" in said["counted-by-hand"]
    executed = course / "autograded" / "bob" / NAME / f"{NAME}.ipynb"
    assert executed.stat().st_size < 1_000_000


@pytest.mark.slow
def test_nothing_else_came_to_harm(course: Path) -> None:
    for stage in ("submitted", "autograded", "feedback"):
        for student in STUDENTS:
            assert list((course / stage / student / NAME).glob(f"{NAME}.*"))
    assert sorted(path.name for path in (course / "release").iterdir()) == [
        path.stem for path in assignments.sources()
    ]
    deadline = time.monotonic() + 30
    while left := list(course.parent.glob("vdsr-graded-*")):
        assert time.monotonic() < deadline, f"copies were left behind: {left}"
        time.sleep(0.1)


@pytest.mark.slow
def test_the_feedback_says_what_was_wrong(course: Path) -> None:
    [page] = (course.parent / "eve" / NAME / "feedback").rglob("*.html")
    assert (
        page.read_bytes()
        == (course / "feedback" / "eve" / NAME / f"{NAME}.html").read_bytes()
    )
    text = page.read_text()
    assert "the biases are not counted" in text
    said = outputs(course, "eve")["layer-parameters"]
    assert "UserWarning: this is no mistake" in said  # shown, and costs nothing
    assert "nor is this" in said
    assert "13.0 / 25.0" in text


@pytest.mark.slow
def test_the_grades_are_exported_and_a_person_adds_the_open_question(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbgrader.api import Gradebook

    assert exported(course) == {"ada": 21, "bob": 6, "cid": 21, "eve": 13}
    with Gradebook(f"sqlite:///{course}/gradebook.db", "vdsr") as book:
        grade = book.find_grade("layers", NAME, NAME, "eve")
        assert grade.needs_manual_grade
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        book.db.commit()
    nbgrader(course, "export")
    assert exported(course) == {"ada": 21, "bob": 6, "cid": 21, "eve": 15.5}


def exported(folder: Path) -> dict[str, float]:
    """Return the total of each student from nbgrader's table of grades."""
    with (folder / "grades.csv").open(newline="") as file:
        return {
            row["student_id"]: float(row["score"])
            for row in csv.DictReader(file)
            if row["assignment"] == NAME
        }


def test_a_course_is_not_written_over_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    with pytest.raises(LabError, match=r"nbgrader_config.py is not of this project"):
        make_course(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["nbgrader_config.py"]


@pytest.mark.parametrize("name", ['a "b"', "", "a\nb", "a/b", "a\\", ".."])
def test_a_course_id_that_breaks_its_configuration_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=r"course must be .* got "):
        make_course(tmp_path / "course", course=name)
    assert not list(tmp_path.iterdir())
    make_course(tmp_path / "course", course="SR-2026_b.1")
    config = (tmp_path / "course" / "nbgrader_config.py").read_text()
    compile(config, "nbgrader_config.py", "exec")
    assert '"SR-2026_b.1"' in config


def test_without_nbgrader_the_extra_of_this_project_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbgrader.apps.api", None)
    with pytest.raises(LabError, match=r"pip install 'vdsr-lib\[classroom\]'"):
        release_versions(tmp_path)
