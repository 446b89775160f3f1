"""The answers: one for each exercise of each lesson, with code that is run or timed.

The code itself is run by pytest, as doctests: see ``docs/conftest.py``.
"""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vdsr_lib.suite.notebooks import read_source, sources

LESSONS = {path.stem: path for path in sources()}
TITLE, WORDS, LINES, WIDTH = 14, 200, 30, 88
"""What an answer may have: words of title and prose, lines of code, columns."""


def exercises(lesson: Path) -> list[int]:
    """Return the numbers of a lesson's exercises."""
    [cell] = [
        cell.source
        for cell in read_source(lesson).cells
        if cell.source.startswith("## Exercises")
    ]
    return [int(number) for number in re.findall(r"(?m)^(\d+)\. ", cell)]


def answers(text: str) -> dict[int, str]:
    """Return the answers of a page by the number of their exercise."""
    parts = re.split(r"(?m)^## (?=\d+\. )", text)[1:]
    return {int(part.split(".", 1)[0]): part for part in parts}


def faults(text: str, lesson: Path) -> list[str]:
    """Return what is wrong with a page of answers."""
    given, wanted = answers(text), exercises(lesson)
    found = []
    if not text.startswith(f"# Answers to lesson {lesson.stem[:2]}\n"):
        found.append("its title is not that of the lesson")
    if list(given) != wanted:
        found.append(f"answers {list(given)} to exercises {wanted}")
    for number, answer in given.items():
        title, _, body = answer.partition("\n")
        prose = re.sub(r"(?ms)^```.*?^```$", "", body).split()
        examples = doctest.DocTestParser().get_examples(answer)
        code = sum(each.source.count("\n") for each in examples)
        if not 15 <= len(prose) <= WORDS:
            found.append(f"answer {number} has {len(prose)} words")
        if not 1 <= len(title.split(". ", 1)[-1].split()) <= TITLE:
            found.append(f"answer {number} has no short title")
        if code > LINES:
            found.append(f"answer {number} has {code} lines of code")
        for each in examples:
            try:
                ast.parse(each.source)
            except SyntaxError as error:
                found.append(f"answer {number}: {error}: {each.source.strip()}")
    lines = [line for line in text.splitlines() if not line.startswith("| ")]
    wide = [line for line in lines if len(line) > WIDTH]
    found += [f"wider than {WIDTH} columns: {line}" for line in wide]
    found += unknown_names(text)
    if "```python" in text and not doctest.DocTestParser().get_examples(text):
        found.append("its code is not run: no line begins with >>>")
    return found


def unknown_names(text: str) -> list[str]:
    """Return what the code of a page uses and never makes, skipped code included."""
    examples = doctest.DocTestParser().get_examples(text)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821"]
    checked = subprocess.run(
        [*command, "--output-format", "concise", "-"],
        input="".join(each.source for each in examples),
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in checked.stdout.splitlines() if "F821" in line]


@pytest.mark.parametrize("name", LESSONS)
def test_each_exercise_has_an_answer(name: str, root: Path) -> None:
    page = root / "docs" / "answers" / f"{name}.md"
    assert faults(page.read_text(encoding="utf-8"), LESSONS[name]) == []


def test_every_page_belongs_to_a_lesson(root: Path) -> None:
    pages = {page.stem for page in (root / "docs" / "answers").glob("*.md")}
    assert pages == set(LESSONS)


def test_the_faults_are_found(tmp_path: Path) -> None:
    """A page for each of them."""
    lesson = LESSONS["00_start_here"]
    prose = "A sentence of some words that says why it comes out so.\n" * 2
    whole = "".join(f"## {n}. A title\n\n{prose}\n\n" for n in exercises(lesson))
    page = f"# Answers to lesson 00\n\n{whole}"
    assert faults(page, lesson) == []
    for changed, fault in (
        (page.replace("lesson 00", "lesson 01"), "its title is not that of the lesson"),
        (page.replace("## 2.", "## 7."), "answers [1, 7, 3, 4] to exercises [1, 2, 3"),
        (page.replace(prose, "Yes.", 1), "answer 1 has 1 words"),
        (page.replace("A title", "A " * 15, 1), "answer 1 has no short title"),
        (page + "```python\n" + ">>> 1\n" * 31 + "```\n", "answer 4 has 31 lines"),
        (page + "```python\n>>> 1 +\n```\n", "answer 4: invalid syntax"),
        (page + "x" * 89, "wider than 88 columns"),
        (page + '```python\n>>> 1 | len("' + "x" * 80 + '")\n```\n', "wider than 88"),
        (page + "```python\n>>> lost(1)  # doctest: +SKIP\n```\n", "-:1:1: F821"),
        (page + "```python\nprint(1)\n```\n", "its code is not run"),
    ):
        [found] = faults(changed, lesson)
        assert found.startswith(fault)
