"""The teacher's guide says what is so: commands, links, sections, points, limits."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from typer.main import get_command

from vdsr_lib.cli import app
from vdsr_lib.exercises import exercise_names
from vdsr_lib.suite import assignments, limited_kernel
from vdsr_lib.suite.notebooks import read_source

NBGRADER = {
    "autograde", "collect", "export", "fetch_assignment", "generate_feedback",
    "release_assignment", "release_feedback", "submit", "zip_collect",
}  # fmt: skip


@pytest.fixture(scope="module")
def guide(root: Path) -> str:
    return (root / "docs" / "teaching.md").read_text()


def commands(text: str) -> list[str]:
    """Return the lines of all code blocks, and the commands within the prose."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`((?:vdsr|nbgrader|make) [^`]+)`", prose)


def unknown(line: str, root: Path) -> str:
    """Say what a command line calls that there is not; empty if all is known."""
    words = line.split()
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.M)
        return "" if words[1] in targets else f"make has no {words[1]}"
    if words[0] == "nbgrader":
        return "" if words[1] in NBGRADER else f"nbgrader has no {words[1]}"
    if words[0] != "vdsr":
        return ""
    command = get_command(app)
    options: set[str] = set()
    for word in words[1:]:
        known = getattr(command, "commands", None)
        if known and word in known:
            command = known[word]
        elif known:
            return f"vdsr has no {word}"
        else:
            options = {o for p in command.params for o in p.opts}
            if word.startswith("--") and word not in options:
                return f"{' '.join(words[:3])} has no {word}"
    return ""


def test_every_command_is_one(guide: str, root: Path) -> None:
    lines = commands(guide)
    assert len(lines) > 30
    assert [said for line in lines if line and (said := unknown(line, root))] == []
    assert unknown("vdsr exercises curse x", root) == "vdsr has no curse"
    assert unknown("vdsr exercises run --fast", root).endswith("has no --fast")
    assert unknown("make coffee", root) == "make has no coffee"


def test_the_assignments_in_the_commands_exist(guide: str) -> None:
    named = set(re.findall(r"(?<!answers/)\b0\d_[a-z_]+\b", guide))
    assert named
    assert named <= {path.stem for path in assignments.sources()}


def test_links_within_the_page_lead_somewhere(guide: str) -> None:
    headings = re.findall(r"^## (.*)$", guide, re.M)
    anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
    wanted = set(re.findall(r"\]\(#([^)]+)\)", guide))
    assert len(wanted) >= 8
    assert wanted <= anchors


def test_every_lessons_section_that_is_named_exists(guide: str, root: Path) -> None:
    folder = root / "notebooks" / "source"
    count = 0
    for row in guide.splitlines():
        for part in re.split(r";|(?=lesson )", row):
            found = re.search(r"lesson (0\d)", part)
            if not found:
                continue
            [source] = list(folder.glob(f"{found[1]}_*.py")) or [None]
            if source is None:  # not written yet
                continue
            headings = re.findall(r"^# ## (.*)$", source.read_text(), re.M)
            for section in re.findall(r"(?<![*\w])\*([^*]+)\*(?!\*)", part):
                if section in OPEN:
                    continue
                count += 1
                assert section in headings, f"lesson {found[1]} has no {section!r}"
    assert count > 25


def open_questions() -> dict[str, int]:
    return {
        cell.metadata["answer"]: int(cell.metadata["points"])
        for path in assignments.sources()
        for cell in read_source(path).cells
        if "answer" in cell.metadata
    }


OPEN = open_questions()


def test_each_open_question_has_a_rubric_that_adds_up(guide: str) -> None:
    assert len(OPEN) == 6
    for name, points in OPEN.items():
        found = re.search(
            rf"^\*\*{name}\*\* \(assignment \d, (\d) points\)\.(.*?)(?:\*Often|\n\n)",
            guide,
            re.DOTALL | re.MULTILINE,
        )
        assert found, name
        assert int(found[1]) == points
        text = re.sub(r"\([^)]*\)", "", found[2].replace("\n", " ") + " ")
        each = [float(number) for number in re.findall(r", (\d)(?=[ .;])", text)]
        halves = 0.5 * 2 * text.count("½ each")
        if "1 each" in text:  # signs: one for each of the four trainings
            each = [4.0, 1.0]
        assert sum(each) + halves == points, (name, each, halves)


def test_points_and_tasks_are_the_assignments_own(guide: str) -> None:
    total = sum(
        int(cell.metadata["points"])
        for path in assignments.sources()
        for cell in read_source(path).cells
        if "points" in cell.metadata
    )
    by_hand = sum(OPEN.values())
    words = guide.replace("\n", " ")
    assert f"A program grades {total - by_hand} points and a person {by_hand}." in words
    goals = guide.split("## Learning goals")[1].split("## A plan of four")[0]
    tasks = [
        task
        for listed in re.findall(r"assignment \d: ([^;|*]+)", goals)
        for task in re.split(r", | to ", listed.strip().rstrip(","))
    ]
    assert len(tasks) > 15
    assert set(tasks) <= {*exercise_names(), "all", ""}
    assert all(f"*{name}*" in goals for name in OPEN)


def test_the_limits_are_the_kernels_own(guide: str) -> None:
    page = guide.split("## What nbgrader does not give")[1]
    [memory, seconds, file] = [value for _, value in limited_kernel.LIMITS.values()]
    for words in (
        f"| memory | {memory / 2**30:g} GiB",
        f"| processor time | {seconds} s",
        f"| a file | {file / 2**20:g} MiB",
        f"| output | {limited_kernel.OUTPUT[1]:,} characters",
    ):
        assert words in page
    assert limited_kernel.WALL[1] == 30 * 60  # "half an hour"
    config = Path(limited_kernel.__file__).with_name("course_config.py.txt")
    assert "c.Execute.timeout = 120" in config.read_text()
    assert "| a cell | 120 s" in page


def test_the_table_for_a_class_follows_its_formulas(guide: str) -> None:
    number = r" (\d+)(?: GiB)? \|"
    rows = re.findall(rf"^\|{5 * number}$", guide, re.M)
    assert [int(row[0]) for row in rows] == [1, 12, 30]
    for row in rows:
        n, *told = map(int, row)
        exact = (2 + 0.55 * n, 2 + 1.1 * n, max(n / 8, 1), max(n / 2, 1))
        assert told == [math.ceil(round(x, 6)) for x in exact]
