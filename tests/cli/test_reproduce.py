"""``vdsr reproduce`` and ``vdsr notebooks`` as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner, Result

from vdsr_lib.cli import app
from vdsr_lib.errors import LabError
from vdsr_lib.suite.notebooks import sources

FIXTURES = Path(__file__).resolve().parents[1] / "notebooks"
Reproduce = Callable[..., Result]


@pytest.fixture
def reproduce(tmp_path: Path) -> Reproduce:
    """Generate a fixture notebook and run the command on it, in this process."""

    def call(name: str, *options: str) -> Result:
        folders = ["--source", str(FIXTURES / name), "--target", str(tmp_path / "nb")]
        built = CliRunner().invoke(app, ["notebooks", *folders])
        assert built.exit_code == 0, built.output
        return CliRunner().invoke(app, [*command(tmp_path, name), *options])

    return call


def command(tmp_path: Path, name: str) -> list[str]:
    """Return the command line that runs a fixture notebook."""
    return [
        "reproduce", "--notebooks", str(tmp_path / "nb"), "--device", "cpu",
        "--claims", str(FIXTURES / name / "claims.toml"),
        "--output", str(tmp_path / "out"),
    ]  # fmt: skip


def test_a_good_lesson(reproduce: Reproduce, tmp_path: Path) -> None:
    result = reproduce("good")
    assert result.exit_code == 0, result.output
    assert "holds       01.two-and-two: Two and two make four." in result.output
    assert "1 of 1 claims hold." in result.output
    assert "lesson 01, A lesson that holds: ran in" in result.output
    files = {
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")
    }
    assert files == {
        ".lock",
        "claims.json",
        "claims/01.json",
        "executed/01_good.ipynb",
        "html/01_good.html",
        "report.html",
    }
    facts = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert facts["machine"]["torch"]
    assert facts["lessons"][0]["peak_memory_bytes"] > 30e6
    assert facts["lessons"][0]["cpu_seconds"] > 0.1
    page = (tmp_path / "out" / "html" / "01_good.html").read_text()
    anchor = facts["claims"][0]["link"].removeprefix("html/01_good.html#")
    assert f'id="{anchor}"' in page
    executed = nbformat.read(tmp_path / "out" / "executed" / "01_good.ipynb", 4)
    [linked] = [c for c in executed.cells if f"cell-id={c.id}" == anchor]
    assert 'record("two-and-two"' in linked.source
    assert linked.execution_count == facts["claims"][0]["execution_count"]
    assert "nobody has timed them yet" in result.output


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("failing_claim", 1, ["fails       01.two-and-two", "measured 5"]),
        ("missing_claim", 1, ["missing     01.more-than-one", "did not record it"]),
        ("unknown_claim", 1, ["cell 6: ClaimError: unknown claim 'two-and-too'"]),
        ("failing_cell", 3, ["cell failed: cell 6: ZeroDivisionError"]),
        ("cell_timeout", 3, ["timed out: cell 6 took longer than 20 s"]),
        ("dying_kernel", 3, ["kernel died: cell 6: the kernel died"]),
        ("early_exit", 3, ["cell failed: cell 6: SystemExit"]),
        ("unknown_parameter", 3, ["unknown parameter: has no parameter seed"]),
    ],
)
def test_each_failure_has_its_status_and_its_words(
    reproduce: Reproduce, tmp_path: Path, name: str, code: int, words: list[str]
) -> None:
    result = reproduce(name, "--timeout", "20" if name == "cell_timeout" else "120")
    assert result.exit_code == code, result.output
    for text in words:
        assert text in result.output
    facts = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert facts["exit_code"] == code
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_kernel_that_takes_too_much_memory_fails_the_run(
    reproduce: Reproduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is promised with torch's build for GPUs, which may be what is here.
    monkeypatch.setattr(torch, "__version__", "2.13.0+cpu")
    result = reproduce("greedy_kernel")
    assert result.exit_code == 1, result.output
    assert "1 of 1 claims hold; lesson 01, cell 5: its kernel held" in result.output
    assert "900 MB are promised" in result.output


def test_a_page_that_cannot_be_made_fails_the_run_after_all_else(
    reproduce: Reproduce, tmp_path: Path
) -> None:
    """A picture pasted into a text cell is not in the lesson's source."""
    source = tmp_path / "pasted"
    shutil.copytree(FIXTURES / "good", source)
    with (source / "01_good.py").open("a") as file:
        file.write("\n# %% [markdown]\n# ![pasted](attachment:picture.png)\n")
    result = reproduce(str(source))
    assert result.exit_code == 1, result.output
    told = (
        "1 of 1 claims hold; the page of 'A lesson that holds' could not be made: "
        "missing attachment: picture.png."
    )
    assert result.output.count("could not be made") == 1
    assert told in result.output
    facts = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert (facts["exit_code"], facts["summary"]) == (1, told)
    assert "missing attachment" in (tmp_path / "out" / "report.html").read_text()
    page = tmp_path / "out" / "html" / "01_good.html"
    assert "could not be made: missing attachment" in page.read_text()


def test_an_undeclared_record_is_unknown(reproduce: Reproduce, tmp_path: Path) -> None:
    claims = tmp_path / "claims.toml"
    text = (FIXTURES / "good" / "claims.toml").read_text()
    claims.write_text(text.replace("[01.two-and-two]", "[01.two-and-too]"))
    result = reproduce("good", "--claims", str(claims))
    assert result.exit_code == 1  # the lesson's own ClaimError
    assert (
        "unknown claim 'two-and-two' in lesson 01; known: two-and-too" in result.output
    )


def test_a_claim_of_another_profile_is_not_asked_for(reproduce: Reproduce) -> None:
    result = reproduce("missing_claim", "--profile", "classroom")
    assert result.exit_code == 0, result.output
    assert "not judged  01.more-than-one" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lesson", "7"], "there is no lesson 07; known: 01"),
        (["--profile", "quik"], "profile is 'quik'; known: quick, classroom, paper"),
        (["--claims", "nowhere.toml"], "nowhere.toml: there is no such file of claims"),
        (["--device", "abacus"], "abacus"),
        (["--timeout", "-5"], "timeout must be in seconds, 0 for no limit, got -5"),
        (["--timeout", "nan"], "timeout must be in seconds, 0 for no limit, got nan"),
        (["--jobs", "0"], "jobs must be 1 or more, got 0"),
    ],
)
def test_wrong_options_end_in_one_sentence(
    reproduce: Reproduce, tmp_path: Path, options: list[str], message: str
) -> None:
    result = reproduce("good", *options)
    assert isinstance(result.exception, LabError | ValueError)  # main() prints it
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_no_more_jobs_than_lessons(reproduce: Reproduce, tmp_path: Path) -> None:
    assert reproduce("good", "--jobs", "4").exit_code == 0
    facts = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert facts["jobs"] == 1


def test_an_output_that_cannot_be_written_ends_before_any_lesson(
    reproduce: Reproduce, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file, where the folder belongs")
    result = reproduce("good")
    assert isinstance(result.exception, LabError)
    assert "out/report.html cannot be written (Not a directory)" in str(
        result.exception
    )


def test_two_reports_are_not_mixed_in_one_folder(
    reproduce: Reproduce, tmp_path: Path
) -> None:
    reproduce("good")
    before = (tmp_path / "out" / "report.html").read_bytes()
    with FileLock(tmp_path / "out" / ".lock"):  # as the other process holds it
        error = reproduce("good").exception
    assert isinstance(error, LabError)
    assert str(error).startswith("another process runs lessons into ")
    assert str(error).endswith("/out: wait for it, or give another --output")
    assert (tmp_path / "out" / "report.html").read_bytes() == before
    assert reproduce("good").exit_code == 0


def test_signals_are_left_as_they_were(reproduce: Reproduce) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    reproduce("good", "--lesson", "7")
    reproduce("unknown_parameter", "--lesson", "1")
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_old_report_does_not_outlive_a_new_run(
    reproduce: Reproduce, tmp_path: Path
) -> None:
    reproduce("good")
    (tmp_path / "out" / "claims" / "01.json").write_text(
        '{"profile": "quick", "records": [{"id": "01.two-and-two", "measured": 4}]}'
    )
    (tmp_path / "nb" / "01_good.ipynb").unlink()
    result = reproduce("unknown_parameter")
    assert result.exit_code == 3
    assert "missing     01.two-and-two" in result.output, (
        "the old record does not count"
    )


def test_a_second_run_measures_everything_anew(
    reproduce: Reproduce, tmp_path: Path
) -> None:
    assert "nobody has timed them yet" in reproduce("good").output
    record, notebook, page = (
        tmp_path / "out" / name
        for name in ("claims/01.json", "executed/01_good.ipynb", "html/01_good.html")
    )
    record.write_text(record.read_text().replace('"measured": 4', '"measured": 5'))
    notebook.write_text("of the first run")
    page.write_text("of the first run")
    result = reproduce("good", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert "1 lesson: about 10 s, as the last time" in result.output
    assert json.loads(record.read_text())["records"][0]["measured"] == 4
    assert "of the first run" not in notebook.read_text() + page.read_text()
    facts = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert facts["seed"] == 1


# ---- from outside, as a process ----


def start(tmp_path: Path, name: str, *options: str) -> subprocess.Popen[str]:
    """Start the command as a user would, with its own temporary folder."""
    folders = ["--source", str(FIXTURES / name), "--target", str(tmp_path / "nb")]
    CliRunner().invoke(app, ["notebooks", *folders])
    (tmp_path / "tmp").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "vdsr_lib", *command(tmp_path, name), *options],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as in a terminal
    )


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    """Wait until a condition is true, for a bounded time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_mistake_ends_in_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    process = start(tmp_path, "good", "--lesson", "7")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert err == "vdsr: there is no lesson 07; known: 01\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "presses", "code"),
    [
        (signal.SIGINT, 1, 130),
        (signal.SIGINT, 3, 130),
        (signal.SIGTERM, 1, 130),
        (signal.SIGKILL, 1, -signal.SIGKILL),
    ],
)
def test_stopped_in_the_middle_nothing_is_left(
    tmp_path: Path, number: int, presses: int, code: int
) -> None:
    process = start(tmp_path, "cell_timeout")
    records = tmp_path / "out" / "claims" / "01.json"
    # The sleeping cell is reached: the claim before it is recorded.
    wait_for(lambda: records.exists() and "two-and-two" in records.read_text(), 120)
    time.sleep(0.2)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 1, "the kernel"
    for _ in range(presses):
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # a terminal sends it to the whole group
        else:
            process.send_signal(number)
        time.sleep(0.05)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    wait_for(lambda: not any(member.is_running() for member in family), 60)
    left = [p.name for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert sorted(left) == [".lock", "01.json"], "no report, notebook, temporary file"
    json.loads(records.read_text())
    if number != signal.SIGKILL:
        assert err == "interrupted: no report was written\n"
        assert list((tmp_path / "tmp").iterdir()) == []


# ---- vdsr notebooks ----


def test_notebooks_builds_checks_and_refuses(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "nb"
    source.mkdir()
    text = (FIXTURES / "good" / "01_good.py").read_text()
    (source / "01_good.py").write_text(text)

    def call(*options: str) -> Result:
        folders = ["--source", str(source), "--target", str(target)]
        return CliRunner().invoke(app, ["notebooks", *folders, *options])

    missing = call("--check")
    assert missing.exit_code == 1
    assert "01_good.ipynb: missing" in missing.output
    assert call().output == f"wrote {target / '01_good.ipynb'}\n"
    assert call().output == "all notebooks are up to date\n"
    style = call("--check")
    assert style.exit_code == 1
    assert "01_good.py: has 8 cells; a lesson has 25 to 60" in style.output
    assert "01_good.ipynb" not in style.output
    path = target / "01_good.ipynb"
    path.write_text(path.read_text().replace("2 + 2", "2 + 3"))
    assert "01_good.ipynb:cell 5: edited by hand" in call("--check").output
    assert "edited by hand" in str(call().exception)
    assert call("--force").exit_code == 0


def test_a_folder_of_sources_that_is_not_there_is_named(tmp_path: Path) -> None:
    for more in ([], ["--check"]):
        options = ["--source", str(tmp_path / "nowhere"), "--target", str(tmp_path)]
        result = CliRunner().invoke(app, ["notebooks", *options, *more])
        assert isinstance(result.exception, LabError)
        assert "nowhere: there is no such folder" in str(result.exception)


def test_a_folder_without_problems_passes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    shutil.copy(sources()[0], tmp_path / "source")
    options = ["--source", str(tmp_path / "source"), "--target", str(tmp_path)]
    assert CliRunner().invoke(app, ["notebooks", *options]).exit_code == 0
    result = CliRunner().invoke(app, ["notebooks", "--check", *options])
    assert (result.exit_code, result.output) == (0, "problems: 0\n")


def test_a_seed_below_0_is_refused_before_any_lesson(reproduce: Reproduce) -> None:
    result = reproduce("good", "--seed", "-1")
    assert result.exit_code == 2
    assert "--seed" in result.output
