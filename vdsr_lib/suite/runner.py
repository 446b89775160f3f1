"""Lessons run through papermill, with the gaps that papermill leaves closed.

Papermill only warns about an unknown parameter, reports a timed-out notebook as
completed, and writes an unexecuted notebook when the kernel cannot start. Here a
parameter that the lesson does not have is an error; a lesson has run only if no
exception, no error output and no unexecuted cell says otherwise; and the executed
notebook takes its final name only at the end.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vdsr_lib._files import write_atomically
from vdsr_lib.suite.kernel import Kernel
from vdsr_lib.suite.lessons import Lesson, Outcome, read_notebook
from vdsr_lib.suite.progress import Progress

__all__ = ["run_lessons"]

_ADDED = {"injected-parameters", "papermill-error-cell-tag"}
"""The tags of the cells that papermill adds; they do not count."""


def run_lessons(
    lessons: Sequence[Lesson],
    parameters: Mapping[str, Any],
    output_dir: Path,
    *,
    progress: Progress,
    jobs: int = 1,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    told: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Run lessons, each in a fresh kernel of this interpreter.

    Parameters
    ----------
    lessons : sequence of Lesson
        Generated notebooks. They begin in this order.
    parameters : mapping
        Replaces the defaults of each lesson's parameters cell.
    output_dir : pathlib.Path
        The executed notebooks go to its folder ``executed``. What an earlier run of a
        lesson left there, or recorded as its claims, is gone when the lesson begins.
    progress : Progress
        Told where the lessons stand, ten times a second.
    jobs : int, optional
        How many run at a time, at least 1.
    timeout : float, optional
        Seconds that one cell may take; default: no limit.
    environment : mapping, optional
        Variables for the kernels, beside those of this process.
    told : callable, optional
        Given each outcome as soon as it is there.

    Returns
    -------
    list of Outcome
        In the order of `lessons`. A lesson that fails raises nothing.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; the kernels are gone and no partial file is left.
    """
    waiting, running = deque(lessons), list[_Job]()
    outcomes: dict[Lesson, Outcome] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                lesson = waiting.popleft()
                progress.begin(lesson)
                running.append(_Job(lesson, output_dir, environment, timeout))
                running[-1].start(dict(parameters))
            running[0].wait(0.1)
            for job in running:
                job.kernel.sample()
                progress.reach(job.lesson, len(job.outcome.cell_seconds))
            progress.wait()
            for job in [each for each in running if each.is_over]:
                outcome = outcomes[job.lesson] = job.finish()
                running.remove(job)
                progress.end(outcome)
                told(outcome)
    except BaseException:
        for job in running:
            job.kernel.kill()
        for job in running:
            job.wait(10)
            job.clear()
        raise
    return [outcomes[lesson] for lesson in lessons]


def _absent_parameters(lesson: Lesson, parameters: Mapping[str, Any]) -> str:
    """Name the parameters that the lesson does not have."""
    import papermill

    known = papermill.inspect_notebook(str(lesson.path))
    absent = [name for name in parameters if name not in known]
    if not absent:
        return ""
    names = ", ".join(absent)
    return f"has no parameter {names}; its parameters cell sets {', '.join(known)}"


def _judge_cells(outcome: Outcome, notebook: Any) -> None:
    """Trust a notebook only if every code cell was executed without an error."""
    own = (c for c in notebook.cells if not _ADDED & set(c.metadata.get("tags", [])))
    for number, cell in enumerate(own, 1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        errors = [o for o in cell.outputs if o.output_type == "error"]
        if errors:
            text = f"{errors[0].ename}: {errors[0].evalue}"
            outcome.fail("cell failed", f"cell {number}: {text}")
        elif cell.execution_count is None:
            outcome.fail("not completed", f"cell {number} was never run")


class _Job:
    """A lesson on its way: papermill in a thread, so that Ctrl-C reaches the main one.

    Parameters
    ----------
    lesson : Lesson
    output_dir : pathlib.Path
    environment : mapping or None
    timeout : float or None
    """

    def __init__(
        self,
        lesson: Lesson,
        output_dir: Path,
        environment: Mapping[str, str] | None,
        timeout: float | None,
    ) -> None:
        self.lesson, self.outcome = lesson, Outcome(lesson)
        self.kernel = Kernel(lesson.path.parent, environment)
        self.timeout = timeout
        self._target = output_dir / "executed" / lesson.path.name
        self._failed = self._target.with_name(f"{lesson.path.stem}.failed.ipynb")
        self._claims = output_dir / "claims" / f"{lesson.number}.json"
        self._workspace = Path(tempfile.mkdtemp(prefix="vdsr-lesson-"))
        self._output = self._workspace / "executed.ipynb"
        self._thread: threading.Thread | None = None
        self._cell = 0
        self._started = self._begun = time.monotonic()
        self._error: BaseException | None = None

    def start(self, parameters: dict[str, Any]) -> None:
        """Begin, if the lesson has these parameters; earlier results go."""
        for old in (self._target, self._failed, self._claims):
            old.unlink(missing_ok=True)
        if absent := _absent_parameters(self.lesson, parameters):
            self.outcome.fail("unknown parameter", absent)
            self.kernel.close()
            return
        name = f"papermill {self.lesson.number}"
        self._thread = threading.Thread(
            target=self._execute, args=(parameters,), name=name, daemon=True
        )
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether papermill has ended."""
        return self._thread is None or not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until papermill has ended, so long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def finish(self) -> Outcome:
        """Judge the notebook that came out, and put it where it belongs."""
        if self._error is not None:
            self._explain(self._error)
        if self._thread is not None:
            self.outcome.seconds = time.monotonic() - self._started
        self.outcome.peak_memory = self.kernel.peak_memory
        self.outcome.cpu_seconds = self.kernel.cpu_seconds
        if self._output.is_file():
            _judge_cells(self.outcome, read_notebook(self._output))
            ran = self.outcome.status == "ran"
            self.outcome.notebook = self._target if ran else self._failed
            write_atomically(self.outcome.notebook, self._output.read_bytes())
        self.clear()
        return self.outcome

    def clear(self) -> None:
        """Remove the temporary files."""
        shutil.rmtree(self._workspace, ignore_errors=True)

    def _execute(self, parameters: dict[str, Any]) -> None:
        """Run papermill; the thread's exception is kept for the main thread."""
        import papermill

        # What papermill logs is in the exceptions, too.
        logging.getLogger("papermill").setLevel(logging.CRITICAL)
        try:
            self.kernel.start()
            papermill.execute_notebook(
                str(self.lesson.path),
                str(self._output),
                parameters,
                kernel_name="python3",
                progress_bar=False,
                start_timeout=120,
                km=self.kernel.manager,
                timeout_func=lambda _cell: self.timeout,
                on_cell_execute=self._cell_begins,
                on_cell_executed=self._cell_ends,
            )
        except BaseException as error:
            self._error = error
        finally:
            self.kernel.close()

    def _cell_begins(self, *, cell_index: int, **_: Any) -> None:
        after_the_added = cell_index >= self.lesson.parameters_cell
        self._cell = cell_index + 1 - after_the_added
        self._begun = time.monotonic()

    def _cell_ends(self, *, cell: Any, **_: Any) -> None:
        if _ADDED & set(cell.metadata.get("tags", [])):
            return
        seconds = time.monotonic() - self._begun
        self.kernel.sample()
        self.outcome.cell_seconds.append(seconds)
        self.outcome.cell_memory.append(self.kernel.peak_memory)
        self.outcome.cell_numbers.append(self._cell)

    def _explain(self, error: BaseException) -> None:
        """Say in one sentence what stopped the lesson."""
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        where = f"cell {self._cell}" if self._cell else "the kernel's start"
        if isinstance(error, PapermillExecutionError):
            self.outcome.error = error.ename
            text = f"{error.ename}: {error.evalue}"
            self.outcome.fail("cell failed", f"{where}: {text}")
        elif isinstance(error, CellTimeoutError):
            text = f"{where} took longer than {self.timeout:g} s"
            self.outcome.fail("timed out", text)
        elif isinstance(error, DeadKernelError) or "Kernel died" in str(error):
            peak = self.kernel.peak_memory / 2**20
            text = f"{where}: the kernel died (peak memory {peak:.0f} MB)"
            last = self.kernel.last_words
            self.outcome.fail("kernel died", f"{text}: {last}" if last else text)
        else:
            text = f"{where}: {type(error).__name__}: {error}"
            self.outcome.fail("not completed", text)
