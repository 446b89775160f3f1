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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vdsr_lib._files import write_atomically
from vdsr_lib.suite.kernel import Kernel
from vdsr_lib.suite.lessons import Lesson, Outcome, read_notebook
from vdsr_lib.suite.progress import Progress

__all__ = ["run_lesson"]

_ADDED = {"injected-parameters", "papermill-error-cell-tag"}
"""The tags of the cells that papermill adds; they do not count."""


def run_lesson(
    lesson: Lesson,
    parameters: Mapping[str, Any],
    output_dir: Path,
    *,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run one lesson in a fresh kernel of this interpreter.

    Parameters
    ----------
    lesson : Lesson
        A generated notebook.
    parameters : mapping
        Replaces the defaults of the lesson's parameters cell.
    output_dir : pathlib.Path
        The executed notebook goes to its folder ``executed``.
    timeout : float, optional
        Seconds that one cell may take; default: no limit.
    environment : mapping, optional
        Variables for the kernel, beside those of this process.
    progress : Progress, optional
        Told of every cell that is done.

    Returns
    -------
    Outcome
        A lesson that fails raises nothing.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; the kernel is gone and no partial file is left.
    """
    outcome = Outcome(lesson)
    target = output_dir / "executed" / lesson.path.name
    failed = target.with_name(f"{lesson.path.stem}.failed.ipynb")
    for old in (target, failed):
        old.unlink(missing_ok=True)
    if absent := _absent_parameters(lesson, parameters):
        outcome.fail("unknown parameter", absent)
        return outcome
    workspace = Path(tempfile.mkdtemp(prefix="vdsr-lesson-"))
    started = time.monotonic()
    kernel = Kernel(lesson.path.parent, environment)
    try:
        job = _Job(outcome, kernel, workspace / "executed.ipynb", timeout, progress)
        job.run(dict(parameters))
        outcome.seconds = time.monotonic() - started
        outcome.peak_memory = kernel.peak_memory
        outcome.cpu_seconds = kernel.cpu_seconds
        if job.output.is_file():
            _judge_cells(outcome, read_notebook(job.output))
            outcome.notebook = target if outcome.status == "ran" else failed
            write_atomically(outcome.notebook, job.output.read_bytes())
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return outcome


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
    """Papermill in a thread, so that the main thread stays free for Ctrl-C."""

    def __init__(
        self,
        outcome: Outcome,
        kernel: Kernel,
        output: Path,
        timeout: float | None,
        progress: Progress | None,
    ) -> None:
        self.outcome, self.kernel, self.output = outcome, kernel, output
        self.timeout, self.progress = timeout, progress
        self._cell = 0
        self._begun = 0.0
        self._error: BaseException | None = None

    def run(self, parameters: dict[str, Any]) -> None:
        """Run to the end, watching the kernel's memory; leave no kernel behind."""
        thread = threading.Thread(
            target=self._execute, args=(parameters,), name="papermill", daemon=True
        )
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.1)
                self.kernel.sample()
                if self.progress is not None:
                    self.progress.wait()
        except BaseException:
            self.kernel.kill()
            thread.join(10)
            raise
        if self._error is not None:
            self._explain(self._error)

    def _execute(self, parameters: dict[str, Any]) -> None:
        """Run papermill; the thread's exception is kept for the main thread."""
        import papermill

        # What papermill logs is in the exceptions, too.
        logging.getLogger("papermill").setLevel(logging.CRITICAL)
        try:
            self.kernel.start()
            papermill.execute_notebook(
                str(self.outcome.lesson.path),
                str(self.output),
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
        after_the_added = cell_index >= self.outcome.lesson.parameters_cell
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
        if self.progress is not None:
            self.progress.cell_done(len(self.outcome.cell_seconds))

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
