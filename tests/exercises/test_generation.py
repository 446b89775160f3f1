"""Three notebooks of one source, and every fault that a source may have."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdsr_lib._files import notebooks_dir
from vdsr_lib.cli import app
from vdsr_lib.errors import LabError
from vdsr_lib.exercises import get_exercise
from vdsr_lib.suite import assignment_style, assignments
from vdsr_lib.suite.assignment_style import check_assignment

HEAD = """\
# %% [markdown]
# # Measure
#
# About 60 minutes.

# %% tags=["parameters"]
scale = 3

# %%
from vdsr_lib import check_exercise

"""
TASK = """\

# %% task="{name}"
def my_{function}(theta, learning_rate):
    \"\"\"Return the limit.\"\"\"
    # what may it be?
    ### BEGIN SOLUTION
    limit = theta / learning_rate  # {name}
    return limit
    ### END SOLUTION


# %% test="{name}" points=2
check_exercise("{name}", my_{function})
### BEGIN HIDDEN TESTS
assert my_{function}(1, 2) == 0.5
### END HIDDEN TESTS
"""
OPEN = """\

# %% [markdown] answer="why" points=4
# ### BEGIN SOLUTION
# Because it is so.
# ### END SOLUTION
"""
TESTED_AGAIN = """\

# %% test="psnr" points=2
check_exercise("psnr", my_psnr)
### BEGIN HIDDEN TESTS
assert my_psnr(1, 4) == 0.25
### END HIDDEN TESTS
"""
NAMES = ("clip-bound", "psnr", "crop", "luma")
GOOD = (
    HEAD
    + "".join(TASK.format(name=n, function=n.replace("-", "_")) for n in NAMES)
    + OPEN
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "01_measure.py"
    path.parent.mkdir()
    path.write_text(GOOD)
    return path


def texts(source: Path, kind: str) -> list[str]:
    notebook = json.loads(assignments.generate(source, kind))
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def test_the_students_notebook_keeps_signature_docstring_and_comments(
    source: Path,
) -> None:
    assert texts(source, "student")[3:5] == [
        "def my_clip_bound(theta, learning_rate):\n"
        '    """Return the limit."""\n'
        "    # what may it be?\n"
        "    # YOUR CODE HERE\n"
        "    raise NotImplementedError()",
        'check_exercise("clip-bound", my_clip_bound)',
    ]
    assert texts(source, "student")[-1] == "YOUR ANSWER HERE"


def test_the_solution_has_no_markers_and_loses_nothing(source: Path) -> None:
    solution = "\n".join(texts(source, "solution"))
    assert "###" not in solution
    assert solution.count("assert my_") == 4
    assert "Because it is so." in solution
    marked = texts(source, "nbgrader")
    kept = [line for line in "\n".join(marked).split("\n") if "###" not in line]
    assert solution.split("\n") == kept


def test_nbgraders_metadata_name_every_cell_once(source: Path) -> None:
    notebook = json.loads(assignments.generate(source, "nbgrader"))
    facts = [c["metadata"].get("nbgrader", {}) for c in notebook["cells"]]
    ids = [fact["grade_id"] for fact in facts if fact]
    assert len(ids) == len(set(ids)) == 11
    kinds = {
        f["grade_id"]: (f["grade"], f["solution"], f["locked"]) for f in facts if f
    }
    assert kinds["psnr-code"] == (False, True, False)
    assert kinds["psnr"] == (True, False, True)
    assert kinds["why"] == (True, True, False)
    assert [fact["points"] for fact in facts if "points" in fact] == [2, 2, 2, 2, 4]
    assert not any(
        c["metadata"]
        for c in json.loads(assignments.generate(source, "solution"))["cells"]
        if "tags" not in c["metadata"]
    )


def test_a_good_source_has_no_problem(source: Path) -> None:
    assert check_assignment(source) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("# # Measure", "# Measure", "cell 1: does not begin with a # title"),
        ("60 minutes", "20 minutes", "cell 1: does not say how many minutes"),
        (' tags=["parameters"]', "", "has no cell tagged 'parameters'"),
        (OPEN, "", "has 4 tasks; an assignment has 5 to 8"),
        (OPEN, "", "has no open question"),
        ('test="psnr"', 'test="ssim"', "has not both a task and a test named 'psnr'"),
        ("# ### BEGIN SOLUTION\n", "", "a marker '### END SOLUTION' without"),
        (' answer="why" points=4', "", "cell 12: has 1 solutions marked; expected 0"),
        ('"crop" points=2', '"crop"', "cell 9: is graded, and has no points"),
        (
            'check_exercise("crop", my_crop)',
            "my_crop(1, 1)",
            "cell 9: does not begin with check_exercise('crop', ...)",
        ),
        ("clip-bound", "clipbound", "names no known exercise: 'clipbound'"),
        (
            "### BEGIN HIDDEN TESTS\nassert my_crop(1, 2) == 0.5\n"
            "### END HIDDEN TESTS\n",
            "",
            "cell 9: has no hidden test",
        ),
        ("# About", "# " + "x" * 80 + " About", "cell 1: has a line of 100 columns"),
        ("import check_exercise\n", "import check_exercise\n!ls\n", "cell 3: holds a"),
        (
            "import check_exercise\n",
            "import check_exercise\nlimit = theta / learning_rate  # psnr\n",
            "cell 6: has a solution that stands elsewhere",
        ),
        ("60 minutes", "100 minutes", "cell 1: does not say how many minutes"),
        (OPEN, OPEN * 5, "has 9 tasks; an assignment has 5 to 8"),
        (OPEN, OPEN * 2, "gives one name to two tasks"),
        (OPEN, TESTED_AGAIN + OPEN, "tests one task in two cells"),
        (' answer="why" points=4', ' answer="why"', "cell 12: is graded, and has no"),
        (
            "import check_exercise\n",
            "import check_exercise\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n",
            "cell 3: hides tests, and is no test cell",
        ),
        (
            "    limit = theta / learning_rate  # crop\n    return limit\n"
            "    ### END SOLUTION\n",
            "    ### END SOLUTION\nelse:\n    pass\n",
            "cell 8: is no Python once the solution is gone",
        ),
        (
            "import check_exercise\n",
            "import check_exercise\nplt.plot([1])\n",
            "cell 3: shows what plt.plot returns",
        ),
        (
            "import check_exercise\n",
            "import check_exercise\nf(figsize=(3, 4))\n",
            "cell 3: sets figsize",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_named(source: Path, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    source.write_text(GOOD.replace(old, new))
    found = "\n".join(check_assignment(source))
    assert f"{source}:" in found
    assert problem in found


def test_an_exercise_without_three_hints_is_named(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = replace(get_exercise("crop"), hints=("Cut it.",))
    monkeypatch.setattr(
        assignment_style,
        "get_exercise",
        lambda name: poor if name == "crop" else get_exercise(name),
    )
    [problem] = check_assignment(source)
    assert problem.endswith("cell 9: belongs to 'crop', which has not three hints")


def test_a_students_notebook_that_changes_more_than_the_marked_is_caught(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No source gives one: here the generator itself loses a comment."""

    def careless(path: Path, kind: str) -> str:
        text = assignments.generate(path, kind)
        return text.replace("# what may it be?", "") if kind == "student" else text

    monkeypatch.setattr(assignment_style, "generate", careless)
    words = "differs between student and solution beyond the marks"
    assert [line.split(": ")[1] for line in check_assignment(source)] == [words] * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "without its"),
        ("### END SOLUTION", "without its partner"),
        ("### BEGIN SOLUTION\nx = 1", "BEGIN SOLUTION without END SOLUTION"),
        ("### BEGIN HIDDEN TESTS\nx = 1", "BEGIN HIDDEN TESTS without END"),
    ],
)
@pytest.mark.parametrize("kind", assignments.KINDS)
def test_a_marker_without_its_partner_is_refused(
    tmp_path: Path, text: str, words: str, kind: str
) -> None:
    path = tmp_path / "01_x.py"
    path.write_text(f"# %%\n{text}\n")
    with pytest.raises(LabError, match=f"01_x.py:cell 1: .*{words}"):
        assignments.generate(path, kind)


def test_an_unknown_kind_is_refused(source: Path) -> None:
    with pytest.raises(ValueError, match="student, nbgrader, solution, got 'draft'"):
        assignments.generate(source, "draft")


def test_an_answered_sheet_is_not_overwritten(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    [path] = assignments.build(source.parent, target)
    assert assignments.check(source.parent, target) == []
    notebook = json.loads(path.read_text())
    notebook["cells"][3]["source"] = ["def my_clip_bound():\n", "    return 1"]
    path.write_text(json.dumps(notebook))
    with pytest.raises(LabError, match="edited by hand"):
        assignments.build(source.parent, target)
    [problem] = assignments.check(source.parent, target)
    assert problem.startswith(f"{path}:cell 4: edited by hand")


def test_the_shipped_exercises_equal_their_sources_and_have_no_fault() -> None:
    assert assignments.check() == []


def test_the_notebooks_command_looks_at_the_exercises_too(
    source: Path, tmp_path: Path
) -> None:
    lessons = tmp_path / "notebooks" / "source"
    (lessons / "exercises").mkdir(parents=True)
    (lessons / "exercises" / source.name).write_text(GOOD)
    shutil.copy(notebooks_dir() / "source" / "00_start_here.py", lessons)
    folders = ["--source", str(lessons), "--target", str(tmp_path / "notebooks")]
    made = CliRunner().invoke(app, ["notebooks", *folders])
    written = tmp_path / "notebooks" / "exercises" / "01_measure.ipynb"
    assert f"wrote {written}" in made.output
    assert CliRunner().invoke(app, ["notebooks", "--check", *folders]).exit_code == 0
    written.unlink()
    checked = CliRunner().invoke(app, ["notebooks", "--check", *folders])
    assert checked.exit_code == 1
    assert f"{written}: missing" in checked.output


def test_export_writes_a_course_and_its_variants(tmp_path: Path) -> None:
    wanted = ["exercises", "export", str(tmp_path), "--set", "scale=4"]
    result = CliRunner().invoke(app, [*wanted, "--set", "picture=chelsea"])
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [path.stem for path in assignments.sources()]
    first = tmp_path / names[0] / f"{names[0]}.ipynb"
    cells = ["".join(cell["source"]) for cell in json.loads(first.read_text())["cells"]]
    assert "picture = 'chelsea'\nscale = 4" in cells
    assert any("### BEGIN HIDDEN TESTS" in cell for cell in cells)
    refused = CliRunner().invoke(app, ["exercises", "export", "x", "--set", "scale"])
    assert "--set wants NAME=VALUE" in str(refused.exception)


def test_the_list_names_tasks_and_points() -> None:
    said = CliRunner().invoke(app, ["exercises", "list"]).output
    assert "01_measure_the_damage  Measure the damage: 25 points" in said
    assert "luma, crop, psnr, bicubic-row, ssim, bicubic-score" in said
