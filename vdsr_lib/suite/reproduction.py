"""All of it in order: run the lessons, judge their claims, write the report."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from vdsr_lib._files import from_home, notebooks_dir, require_writable
from vdsr_lib.claims import PROFILES, load_claims
from vdsr_lib.devices import describe_machine, resolve_device
from vdsr_lib.errors import ClaimError, LabError
from vdsr_lib.suite.editions import write_editions
from vdsr_lib.suite.lessons import Lesson, Outcome
from vdsr_lib.suite.page import duration
from vdsr_lib.suite.progress import Progress, roughly
from vdsr_lib.suite.report import Report, write_report
from vdsr_lib.suite.runner import run_lessons
from vdsr_lib.suite.times import earlier_times, typical_times
from vdsr_lib.suite.verdicts import verdicts

__all__ = ["TIMEOUTS", "reproduce"]

TIMEOUTS: dict[str, float | None] = {"quick": 1800, "classroom": 3600, "paper": None}
"""Seconds that one cell may take, by profile; None is no limit."""


def reproduce(
    lessons: Sequence[Lesson],
    output_dir: str | os.PathLike[str] = "results",
    *,
    profile: str = "quick",
    device: str = "auto",
    seed: int = 0,
    timeout: float | None = None,
    jobs: int | None = None,
    claims_file: str | os.PathLike[str] | None = None,
) -> Report:
    """Run lessons, judge every claim they make, and write the report.

    Parameters
    ----------
    lessons : sequence of Lesson
        At least one.
    output_dir : path-like
        Gets ``claims.json``, ``report.html``, and the folders ``executed`` (the
        notebooks), ``html`` (pages of them) and ``claims`` (what was recorded).
    profile : {"quick", "classroom", "paper"}
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    seed : int
        The lessons' parameter.
    timeout : float, optional
        Seconds that one cell may take, 0 for no limit; default: see `TIMEOUTS`.
    jobs : int, optional
        How many lessons run at a time, each with its share of the processor's threads.
        Default: two on a CPU of two cores or more, one on a GPU.
    claims_file : path-like, optional
        Default: the shipped ``data/claims.toml``.

    Returns
    -------
    Report

    Raises
    ------
    ClaimError
        If the profile is unknown or the declarations are wrong.
    ValueError
        If there is no such device, `timeout` is negative or not finite, or `jobs` is
        less than 1.
    LabError
        If nothing can be written to `output_dir`, another process is at work there, or
        a folder that the environment names cannot be.
    KeyboardInterrupt
        On Ctrl-C: no kernel stays, and no file is half written.
    """
    if profile not in PROFILES:
        raise ClaimError(f"profile is {profile!r}; known: {', '.join(PROFILES)}")
    if timeout is not None and not 0 <= timeout < math.inf:
        raise ValueError(f"timeout must be in seconds, 0 for no limit, got {timeout:g}")
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {jobs}")
    require_writable(Path(output_dir) / "report.html")
    claims = load_claims(claims_file)
    chosen = resolve_device(device)
    machine = describe_machine(chosen)
    jobs = min(jobs or _usual_jobs(chosen.type), max(1, len(lessons)))
    output = from_home(output_dir).resolve()
    parameters = {
        "profile": profile,
        "device": device,
        "seed": seed,
        "output_dir": str(output),
    }
    limit = TIMEOUTS[profile] if timeout is None else timeout
    environment = _environment(claims_file) | _threads(jobs)
    with _alone_in(output):
        times = earlier_times(output / "claims.json", profile)
        for stale in ("claims.json", "report.html"):
            (output / stale).unlink(missing_ok=True)
        started, clock = datetime.now(UTC), time.monotonic()
        outcomes = _run(
            lessons,
            parameters,
            output,
            jobs=jobs,
            timeout=limit,
            environment=environment,
            times=times,
        )
        pages, faults = write_editions(outcomes, output)
        report = Report(
            profile=profile,
            device=device,
            seed=seed,
            started=started.strftime("%Y-%m-%d %H:%M UTC"),
            seconds=time.monotonic() - clock,
            machine=machine,
            jobs=jobs,
            outcomes=outcomes,
            rows=verdicts(claims, outcomes, output, profile),
            editions=pages,
            faults=faults,
        )
        write_report(report, output)
    return report


def _run(
    lessons: Sequence[Lesson],
    parameters: Mapping[str, Any],
    output: Path,
    *,
    jobs: int,
    timeout: float | None,
    environment: dict[str, str],
    times: Mapping[str, list[float]],
) -> list[Outcome]:
    """Run the lessons, and say how each went."""
    ours = all(each.path.parent == notebooks_dir() for each in lessons)
    typical = typical_times(parameters["profile"]) if ours else {}
    with Progress(lessons, times, typical, jobs=jobs) as progress:
        progress.say(_outlook(len(lessons), jobs, progress, known=bool(times)))
        return run_lessons(
            lessons,
            parameters,
            output,
            progress=progress,
            jobs=jobs,
            timeout=timeout,
            environment=environment,
            told=lambda outcome: progress.say(_line(outcome) + _rest(progress)),
        )


def _usual_jobs(device_type: str) -> int:
    """Return how many lessons run at a time where nobody says it.

    A second thread makes a training 1.4 times as fast, a second training beside it
    twice as much of both.
    """
    return 2 if device_type == "cpu" and torch.get_num_threads() > 1 else 1


def _threads(jobs: int) -> dict[str, str]:
    """Return the variable that gives each of some kernels its share of the threads."""
    if jobs == 1:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // jobs))}


@contextmanager
def _alone_in(output: Path) -> Iterator[None]:
    """Hold the folder of a report, so that two of them are not mixed."""
    output.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(output / ".lock").acquire(timeout=0)
    except Timeout:
        raise LabError(
            f"another process runs lessons into {output}: wait for it, or give "
            "another --output"
        ) from None
    with held:
        yield


def _environment(claims_file: str | os.PathLike[str] | None) -> dict[str, str]:
    """Return the kernels' variables; paths made absolute, for they run elsewhere."""
    named = {
        "VDSR_CLAIMS_FILE": claims_file or os.environ.get("VDSR_CLAIMS_FILE"),
        "VDSR_DATA_DIR": os.environ.get("VDSR_DATA_DIR"),
        "VDSR_RUNS_DIR": os.environ.get("VDSR_RUNS_DIR"),
    }
    return {
        name: str(from_home(path).resolve()) for name, path in named.items() if path
    }


def _outlook(count: int, jobs: int, progress: Progress, *, known: bool) -> str:
    """Say before the first lesson what is to come."""
    few = f"{count} lesson{'s' * (count > 1)}"
    if jobs > 1:
        few += f", {jobs} at a time"
    if not progress.is_timed:
        return f"{few}; nobody has timed them yet at this profile"
    basis = "as the last time" if known else "on two CPU cores that do nothing else"
    return f"{few}: about {roughly(progress.seconds_left)}, {basis}"


def _rest(progress: Progress) -> str:
    """Say after a lesson how long the others will take."""
    if progress.is_over or not progress.is_timed:
        return ""
    return f"; about {roughly(progress.seconds_left)} left"


def _line(outcome: Outcome) -> str:
    """Say in one line how a lesson went."""
    lesson = outcome.lesson
    text = f"lesson {lesson.number}, {lesson.title}: "
    if outcome.status != "ran":
        return f"{text}{outcome.status}: {outcome.message}"
    peak = outcome.peak_memory / 1e6
    return f"{text}ran in {duration(outcome.seconds)}, peak memory {peak:.0f} MB"
