"""claims.json, report.html, the lessons' pages, and the bar."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest

from vdsr_lib.suite.edition import lesson_html, tex_to_mathml
from vdsr_lib.suite.editions import write_editions
from vdsr_lib.suite.lessons import Lesson, Outcome, find_lessons
from vdsr_lib.suite.memory import memory_limit, too_large
from vdsr_lib.suite.page import duration
from vdsr_lib.suite.progress import Progress, roughly
from vdsr_lib.suite.report import Report, table, write_report
from vdsr_lib.suite.times import earlier_times, expected_times, keep, typical_times
from vdsr_lib.suite.verdicts import Verdict
from vdsr_lib.widgets import compare

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAA"
    "SUVORK5CYII="
)


class Page(HTMLParser):
    """What matters of a page: its tags, and whether they are balanced."""

    VOID = frozenset({"meta", "col", "img", "br", "hr", "input", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def assert_offline(text: str) -> None:
    """Check that a page loads nothing from anywhere."""
    page = Page(text)
    assert page.open == []
    assert page.all("link") == []
    assert page.all("script") == []
    for tag in ("img", "iframe", "source", "object", "embed", "video", "audio"):
        for attrs in page.all(tag):
            assert str(attrs.get("src", attrs.get("data"))).startswith("data:")
    assert "@import" not in text
    for address in re.findall(r"url\(\s*['\"]?([^)'\"]*)", text):
        assert address.startswith(("data:", "#")), address


def outcome(number: str, status: str = "ran", **rest: object) -> Outcome:
    lesson = Lesson(number, f"Title <{number}>", Path(f"{number}_x.ipynb"), 2, 1)
    return Outcome(lesson, status=status, **rest)  # type: ignore[arg-type]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    code = [nbformat.v4.new_code_cell("1", id=f"id-{n}", execution_count=n)
            for n in (1, 2)]  # fmt: skip
    (tmp_path / "executed").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=code), tmp_path / "executed" / "01_x.ipynb"
    )
    rows = [
        Verdict("01.a", "01", "holds", 37.0, "A & B.", "Table 1", "37.05 dB",
                "more than 36.00 dB", "dB", "five < six", 37.04, "table1.json", 2),
        Verdict("01.b", "01", "fails", math.nan, "B.", "Table 2", rule="exactly 1"),
        Verdict("03.c", "03", "missing", None, "C.", "Table 3", note="never reached"),
        Verdict("03.d", "03", "not judged", 1, "D.", "Table 3"),
        Verdict("03.e", "03", "unknown", 1, note="not declared in claims.toml"),
    ]  # fmt: skip
    outcomes = [
        outcome("01", seconds=61.2004, peak_memory=512_400_000,
                cell_seconds=[1.0, 60.0004], cpu_seconds=58.04,
                cell_memory=[100_000_000, 512_400_000], cell_numbers=[2, 4],
                notebook=tmp_path / "executed" / "01_x.ipynb"),
        outcome("03", "cell failed", message="cell 4: ValueError: a < b"),
    ]  # fmt: skip
    return Report("quick", "auto", 3, "2026-01-02 03:04 UTC", 75.0004,
                  {"cpu": "A CPU", "cores": 2, "memory": 8.0, "commit": None},
                  outcomes, rows, {"01": tmp_path / "html" / "01_x.html"})  # fmt: skip


def test_claims_json_holds_everything_in_strict_json(
    report: Report, tmp_path: Path
) -> None:
    data, _ = write_report(report, tmp_path)
    facts = json.loads(data.read_text(), parse_constant=pytest.fail)
    assert (facts["format"], facts["exit_code"]) == (2, 3)
    assert facts["machine"]["cpu"] == "A CPU"
    assert (facts["profile"], facts["seed"], facts["seconds"]) == ("quick", 3, 75.0)
    assert facts["lessons"][0] == {
        "lesson": "01",
        "title": "Title <01>",
        "about": "",
        "status": "ran",
        "message": "",
        "seconds": 61.2,
        "cpu_seconds": 58.0,
        "peak_memory_bytes": 512_400_000,
        "too_large": "",
        "cell_numbers": [2, 4],
        "cell_seconds": [1.0, 60.0],
        "cell_peak_memory_bytes": [100_000_000, 512_400_000],
        "notebook": "executed/01_x.ipynb",
        "html": "html/01_x.html",
    }
    assert facts["lessons"][1]["notebook"] is None
    verdicts = [claim["verdict"] for claim in facts["claims"]]
    assert verdicts == ["holds", "fails", "missing", "not judged", "unknown"]
    assert facts["claims"][1]["measured"] == "nan"
    assert facts["claims"][0]["recorded"] == 37.04
    links = [claim["link"] for claim in facts["claims"]]
    assert links == ["html/01_x.html#cell-id=id-2", None, None, None, None]


def test_the_report_is_one_sound_page_that_loads_nothing(
    report: Report, tmp_path: Path
) -> None:
    _, path = write_report(report, tmp_path)
    text = path.read_text()
    assert_offline(text)
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(cell["scope"] in ("col", "row") for cell in page.all("th"))
    assert "prefers-color-scheme: dark" in text
    links = [attrs["href"] for attrs in page.all("a")]
    assert links == [
        "https://arxiv.org/abs/1511.04587",
        "#lesson-01",
        "html/01_x.html",
        "executed/01_x.ipynb",
        "#lesson-03",
        "html/01_x.html#cell-id=id-2",
    ]
    identities = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(identities) == len(set(identities))


def test_the_report_says_each_fact_and_each_verdict_in_words(
    report: Report, tmp_path: Path
) -> None:
    text = write_report(report, tmp_path)[1].read_text()
    for words in (
        "1 of 4 claims hold; 1 fails; 1 missing; 1 unknown; 1 lesson did not run",
        "A &amp; B.", "37.05\xa0dB", "37.00\xa0dB", "37.04\xa0dB",
        "more than 36.00\xa0dB",
        "five &lt; six", "✓ holds", "✗ fails", "? missing", "○ not judged", "? unknown",
        "never reached", "cell 4: ValueError: a &lt; b", "1 min 01 s", "512 MB",
        "58 s", "1 of 2", "900 MB that it may", "A CPU", "not measured",
        "Title &lt;01&gt;", "<em>ours</em> means", "<em>protocol</em> that",
    ):  # fmt: skip
        assert words in text, words
    assert "None" not in text


def relative_luminance(colour: str) -> float:
    """Return WCAG 2's relative luminance of ``#rgb`` or ``#rrggbb``."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [("ink", "page"), ("ink", "card"), ("soft", "page"), ("soft", "card"),
     ("link", "card"), ("good", "good-bg"), ("bad", "bad-bg"), ("open", "open-bg"),
     ("ink", "none-bg")],
)  # fmt: skip
def test_the_reports_colours_have_contrast(scheme: int, front: str, back: str) -> None:
    import vdsr_lib.suite

    text = (Path(vdsr_lib.suite.__file__).parent / "report.html.j2").read_text()
    blocks = re.findall(r":root \{(.*?)\}", text, flags=re.S)
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", blocks[scheme]))
    light, dark = sorted(
        (relative_luminance(colours[name]) for name in (front, back)), reverse=True
    )
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, success criterion 1.4.3


def too_much(peaks: list[int], **rest: object) -> Outcome:
    """Return a lesson whose cells 2, 4, 6, ... left the kernel's peak at so many MB."""
    memory = [peak * 10**6 for peak in peaks]
    places = [2 * n for n in range(1, len(peaks) + 1)]
    return outcome(
        "03", peak_memory=max(memory), cell_memory=memory, cell_numbers=places, **rest
    )


@pytest.mark.parametrize(
    ("profile", "machine", "limit"),
    [("quick", {"device": "cpu"}, 900_000_000), ("quick", {}, 900_000_000),
     ("quick", {"device": "An H100"}, None), ("classroom", {"device": "cpu"}, None),
     ("quick", {"device": "cpu", "torch": "2.13.0+cpu"}, 900_000_000),
     ("quick", {"device": "cpu", "torch": "2.13.0"}, 900_000_000),
     ("quick", {"device": "cpu", "torch": "2.13.0+cu130"}, None),
     ("quick", {"device": "cpu", "torch": "2.13.0+rocm7.0"}, None)],
)  # fmt: skip
def test_what_a_kernel_may_hold(
    profile: str, machine: dict[str, object], limit: int | None
) -> None:
    assert memory_limit(profile, machine) == limit


def test_a_kernel_at_its_limit_is_not_too_large() -> None:
    assert too_large([too_much([300, 900])], 900_000_000) == {}
    assert too_large([too_much([300, 5000])], None) == {}
    [words] = too_large([too_much([900, 901])], 900_000_000).values()
    assert words.startswith("cell 4: ")


def test_a_kernel_that_held_too_much_is_named_with_its_cell(
    report: Report, tmp_path: Path
) -> None:
    """Lesson 03 held 1,625 MB in a forward pass that kept what gradients need."""
    large = too_much([312, 1625, 1700])
    found = Report("quick", "cpu", 0, "", 1.0, {}, [large], report.rows[:1])
    words = "cell 4: its kernel held 1,700 MB, and 900 MB are promised"
    assert found.headline == f"1 of 1 claims hold; lesson 03, {words}."
    assert found.exit_code == 1
    data, page = write_report(found, tmp_path)
    assert json.loads(data.read_text())["lessons"][0]["too_large"] == words
    assert "✗ too much" in page.read_text()
    assert words in page.read_text()


def test_the_report_tells_how_many_lessons_ran_at_a_time(
    report: Report, tmp_path: Path
) -> None:
    for jobs in (1, 2):
        found = replace(report, jobs=jobs)
        data, page = write_report(found, tmp_path)
        assert json.loads(data.read_text())["jobs"] == jobs
        assert ("2 lessons at a" in page.read_text()) is (jobs == 2)


def test_a_lesson_that_stopped_stays_the_graver_news(report: Report) -> None:
    stopped = too_much([1625], status="cell failed")
    found = Report("quick", "cpu", 0, "", 1.0, {}, [stopped], [])
    assert found.exit_code == 3


def test_the_report_tells_what_a_lesson_is_about(
    report: Report, tmp_path: Path
) -> None:
    lesson = Lesson(
        "01", "T", Path("01_t.ipynb"), 1, 1, "what Table 1 does: train six."
    )
    found = Report("quick", "cpu", 0, "", 1.0, {}, [Outcome(lesson)], report.rows[:1])
    text = write_report(found, tmp_path)[1].read_text()
    assert "In this lesson you do what Table 1 does: train six." in text


def test_the_table_is_text(report: Report) -> None:
    lines = table(report.rows).splitlines()
    assert lines[0] == "holds       01.a: A & B."
    assert lines[1].strip() == (
        "measured 37.00 dB; asks for more than 36.00 dB; Table 1: 37.05 dB; five < six"
    )
    assert lines[5].strip() == "not measured; Table 3; never reached"


def test_a_clean_run_has_a_clean_headline(report: Report) -> None:
    good = Report("quick", "cpu", 0, "", 1.0, {}, report.outcomes[:1], report.rows[:1])
    assert (good.headline, good.exit_code) == ("1 of 1 claims hold.", 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.7, "1 min 00 s"),
     (185, "3 min 05 s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# ---- pages of lessons ----


def display(data: dict[str, object], **metadata: object) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)


@pytest.fixture
def page() -> str:
    widget = "application/vnd.jupyter.widget-view+json"
    outputs = [
        display(
            {"image/png": PIXEL}, **{"image/png": {"alt": 'A "red" pixel', "width": 9}}
        ),
        display({widget: {"model_id": "bar"}, "text/plain": "0%|   | 0/10"}),
        display({widget: {"model_id": "own"}, "text/plain": "Compare()"}),
        display({widget: {"model_id": "own"}, "text/html": "<b>static twin</b>"}),
        display({"text/latex": r"$\alpha^2$"}),
    ]
    models = {"bar": {"model_name": "HBoxModel"}, "own": {"model_name": "AnyModel"}}
    state = {"version_major": 2, "version_minor": 0, "state": models}
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(
                "# Title\n\nRate $\\gamma$.\n\n"
                "$$x^2$$\n\n"
                "\\begin{aligned} a &= b \\end{aligned}\n\nIt costs \\$5."
            ),
            nbformat.v4.new_code_cell("1", outputs=outputs, execution_count=1),
        ],
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": state}},
    )
    text = lesson_html(notebook, "A <lesson>")
    assert "widgets" in notebook.metadata, "the notebook itself is not changed"
    return text


def test_a_lessons_page_loads_nothing(page: str) -> None:
    assert_offline(page)
    assert "<title>A &lt;lesson&gt;</title>" in page


def test_a_lessons_page_carries_alternative_texts(page: str) -> None:
    images = Page(page).all("img")
    assert [attrs["alt"] for attrs in images] == ['A "red" pixel']
    assert images[0]["width"] == "9"


def test_a_lessons_page_draws_its_formulas_itself(page: str) -> None:
    found = [attrs["alttext"] for attrs in Page(page).all("math")]
    aligned = r"\begin{aligned} a &= b \end{aligned}"
    assert found == [r"\gamma", "x^2", aligned, r"\alpha^2"]
    assert "<mi>\N{GREEK SMALL LETTER GAMMA}</mi>" in page
    assert "MathJax" not in page


def test_a_lessons_page_says_where_a_widget_is(page: str) -> None:
    assert page.count("An interactive part stands here") == 1
    assert "<b>static twin</b>" in page
    assert "0%|" not in page
    assert "Compare()" not in page


def test_a_lessons_page_is_light_and_dark(page: str) -> None:
    styles = Page(page).all("style")
    assert [s.get("media") for s in styles].count("(prefers-color-scheme: dark)") == 1


@pytest.mark.parametrize("tex", [r"\nosuchcommand{", "a & b < c", r"\frac{1}"])
def test_a_formula_that_cannot_be_drawn_is_shown_as_written(tex: str) -> None:
    import html

    text = tex_to_mathml(tex, block=False)
    assert html.escape(tex) in text


def test_pages_replace_those_of_an_earlier_run(tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    old = tmp_path / "html" / "01_x.html"
    old.write_text("an old page")
    assert write_editions([outcome("01")], tmp_path) == ({}, [])
    assert not old.exists()


# ---- the bar ----


def lessons(*lengths: int) -> list[Lesson]:
    return [
        Lesson(f"{n:02d}", "A title", Path(f"{n:02d}_x.ipynb"), length, 1)
        for n, length in enumerate(lengths)
    ]


def test_the_bar_names_lesson_and_cell_and_reaches_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = lessons(2, 2)
    known = {"00": [1.0, 1.0], "01": [1.0, 1.0]}
    with Progress([first, second], known, show=True) as progress:
        progress.begin(first)
        progress.reach(first, 1)
        progress.reach(first, 2)
        progress.end(Outcome(first, cell_seconds=[1, 1]))
        progress.begin(second)
        progress.reach(second, 1)
        progress.end(Outcome(second, "cell failed", cell_seconds=[1]))
        assert progress._bar.n == progress._bar.total == 3  # one was never run
        progress.say("a line")
    shown = capsys.readouterr()
    assert "00 A title, cell 1/2" in shown.err
    assert "left" in shown.err
    assert shown.out == "a line\n"


def test_the_bar_weighs_cells_by_their_earlier_times() -> None:
    [lesson] = lessons(2)
    with Progress([lesson], {"00": [1.0, 99.0]}, show=True) as progress:
        progress.begin(lesson)
        progress.reach(lesson, 1)
        assert progress._bar.n / progress._bar.total == pytest.approx(0.01, rel=0.01)


def test_times_of_another_length_tell_only_the_whole() -> None:
    known = {"00": [1.0, 99.0], "01": [4.0]}
    assert expected_times(lessons(4), known) == {"00": [25.0] * 4}
    exact = {"00": [1.0, 2.0, 3.0, 0.0]}
    assert expected_times(lessons(4), known, exact) == {"00": [1.0, 2.0, 3.0, 0.001]}
    assert expected_times(lessons(2, 1, 2), known)["02"] == pytest.approx([104 / 3] * 2)
    assert expected_times(lessons(2)) == {"00": [1.0, 1.0]}


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("vdsr_lib.suite.progress.time.monotonic", lambda: self.now)


def test_the_time_left_is_what_is_still_to_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, [lesson] = Clock(monkeypatch), lessons(3)
    with Progress([lesson], {"00": [10.0, 100.0, 90.0]}, show=True) as progress:
        progress.begin(lesson)
        assert progress.seconds_left == pytest.approx(200)
        clock.now += 10
        progress.reach(lesson, 1)
        assert progress.seconds_left == pytest.approx(190)
        clock.now += 40
        progress.wait()  # within the long cell, as fast as expected
        assert progress.seconds_left == pytest.approx(150)
        assert "25%" in capsys.readouterr().err
        clock.now += 60
        progress.reach(lesson, 2)
        assert progress.seconds_left == pytest.approx(90)


def test_the_time_left_follows_the_machines_own_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, [lesson] = Clock(monkeypatch), lessons(2)
    with Progress([lesson], {"00": [90.0, 100.0]}, show=False) as progress:
        progress.begin(lesson)
        clock.now += 390  # it should have ended after 90 s: shown before it ends
        assert progress.seconds_left > 4 * 100
        progress.reach(lesson, 1)
        assert progress.seconds_left == pytest.approx(100 * (390 + 10) / (90 + 10))


def test_lessons_side_by_side_share_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, three = Clock(monkeypatch), lessons(1, 2, 1)
    known = {"00": [30.0], "01": [10.0, 10.0], "02": [40.0]}
    with Progress(three, known, jobs=2, show=True) as progress:
        assert progress.seconds_left == pytest.approx(60)  # 01 and 02 beside 00
        progress.begin(three[0])
        progress.begin(three[1])
        clock.now += 10
        progress.reach(three[1], 1)
        assert "00, cell 0/1; 01, cell 1/2" in capsys.readouterr().err
        assert progress.seconds_left == pytest.approx(50)
        clock.now += 10
        progress.end(Outcome(three[1], cell_seconds=[10.0, 10.0]))
        assert not progress.is_over
        progress.begin(three[2])
        assert progress.seconds_left == pytest.approx(40)
        assert progress._bar.n == 20 + 20  # half of 00 has no end yet, and counts
        clock.now += 40
        progress.end(Outcome(three[0], cell_seconds=[60.0]))  # twice its time
        progress.end(Outcome(three[2], cell_seconds=[40.0]))
        assert progress.is_over
        assert progress.seconds_left == 0
        assert progress._bar.n == progress._bar.total == 90


def test_several_cells_that_end_at_once_all_count() -> None:
    [lesson] = lessons(3)
    with Progress([lesson], {"00": [1.0, 2.0, 5.0]}, show=True) as progress:
        progress.begin(lesson)
        progress.reach(lesson, 2)
        assert progress._bar.n == pytest.approx(3, abs=0.1)
        progress.reach(lesson, 1)  # no cell is taken back
        assert progress._bar.n == pytest.approx(3, abs=0.1)


def test_nothing_is_promised_where_nobody_has_timed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = lessons(1, 1)
    with Progress([first, second], {"00": [1.0]}, show=True) as progress:
        progress.begin(first)
        assert not progress.is_timed
    assert "left" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "10 s"), (14, "10 s"), (26, "30 s"), (84, "80 s"), (86, "1 min"),
     (260, "4 min")],
)  # fmt: skip
def test_a_rough_time(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


def test_the_course_ships_times_of_every_lesson() -> None:
    known = typical_times("quick")
    for lesson in find_lessons():
        assert sum(known[lesson.number]) > 1, lesson.number
        assert len(set(known[lesson.number])) > 2, f"{lesson.number}: not measured"
    assert typical_times("paper") == {}


def test_times_are_kept_profile_by_profile(report: Report, tmp_path: Path) -> None:
    data, _ = write_report(report, tmp_path)
    target = tmp_path / "seconds.json"
    target.write_text('{"quick": {"00": [7.04], "01": [2.0]}, "paper": {"00": [9]}}')
    kept = json.loads(keep(data, target).read_text())
    assert kept["quick"] == {"00": [7.0], "01": [1.0, 60.0]}
    assert kept["paper"] == {"00": [9]}


def test_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    [lesson] = lessons(1)
    with Progress([lesson]) as progress:
        progress.begin(lesson)
        progress.reach(lesson, 1)
        progress.wait()
    assert capsys.readouterr().err == ""


def test_earlier_times_are_read_from_the_last_report(
    report: Report, tmp_path: Path
) -> None:
    report.outcomes[1].cell_seconds.append(2.0)  # before it stopped
    data, _ = write_report(report, tmp_path)
    assert earlier_times(data, "quick") == {"01": [1.0, 60.0]}
    assert earlier_times(data, "paper") == {}
    for damaged in ("{", "{}", "[]"):
        data.write_text(damaged)
        assert earlier_times(data, "quick") == {}
    assert earlier_times(tmp_path / "nowhere.json", "quick") == {}


@pytest.mark.parametrize(
    "seconds",
    ['"abc"', "5", '[1, "a"]', "[NaN, 1]", "[1e400, 1]", "[null]", "[]", '{"a": 1}'],
)
def test_times_of_a_damaged_report_are_none(tmp_path: Path, seconds: str) -> None:
    path = tmp_path / "claims.json"
    entry = f'{{"lesson": "00", "status": "ran", "cell_seconds": {seconds}}}'
    path.write_text(f'{{"profile": "quick", "lessons": [{entry}]}}')
    assert earlier_times(path, "quick") == {}


def test_a_comparison_lives_on_in_a_lessons_page() -> None:
    """Its code and state are in the page; the line for dead widgets is not."""
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    widget = compare({"left": levels, "right": 255 - levels})
    data, metadata = widget._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("widget", outputs=[output], execution_count=1)
    state = widget.get_manager_state(widgets=[widget])
    notebook = nbformat.v4.new_notebook(
        cells=[cell],
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": state}},
    )
    text = lesson_html(notebook, "A lesson")
    assert text.count("window.vdsrShow ??=") == 1
    assert "An interactive part stands here" not in text
