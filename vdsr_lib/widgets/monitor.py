"""`LiveMonitor`: a training, or a whole experiment, watched while it runs.

The Python class takes what `train` and `run_experiment` tell, and writes it into synced
traits a few times a second; ``monitor.js`` draws them. Where nobody looks at a notebook
it is a progress bar. In any case the output keeps a picture of the final curves.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from torch import nn

from vdsr_lib.experiments.declare import Watch
from vdsr_lib.experiments.frames import Camera
from vdsr_lib.experiments.progress import ExperimentBar
from vdsr_lib.experiments.running import StoppedError
from vdsr_lib.metrics import psnr
from vdsr_lib.training import History, ProgressBar, Silent, TrainingConfig
from vdsr_lib.training.history import Row
from vdsr_lib.widgets.cells import kernel_id, someone_looks
from vdsr_lib.widgets.content import png_bytes
from vdsr_lib.widgets.course import Course
from vdsr_lib.widgets.monitor_picture import alternative_text
from vdsr_lib.widgets.monitor_state import MonitorState
from vdsr_lib.widgets.pictured import page_source

__all__ = ["LiveMonitor"]

_SIDE = 112  # pixels of the detail that is watched if none is chosen
_OF_DETAIL = "psnr of the detail"
_A_SECOND = 4  # times that the page is told something, at most
_PARTS = tuple(f"monitor_{part}.js" for part in ("text", "page", "stop", "charts"))


class LiveMonitor(MonitorState):
    """A monitor for `train` and `run_experiment` that draws in the notebook.

    It shows how far the training is and how long it still takes; loss, PSNR, gradient
    norm and share of clipped elements as curves that grow; a detail of a test picture
    as the network renders it at each validation; and a button that ends the training
    after the current step: ``History.finished`` is then False, everything learnt so
    far is kept, and the next cell runs. Several trainings watched by one monitor are
    drawn over one another.

    Parameters
    ----------
    picture : (H, W) or (H, W, 3) array of uint8, optional
        A picture to watch. An experiment that watches a detail shows it without that.
        If `train` is given no ``validate``, the detail's own PSNR is drawn.
    scale : float, default 2
        By how much the picture is made smaller first, in [1.1, 8].
    box : tuple of int, optional
        (top, left, height, width) of the detail, in pixels; by default the middle,
        at most 112 x 112.
    live : bool, optional
        Whether to draw while the training runs. If not given: yes where a person looks
        at a notebook; a progress bar in a terminal, a script and under papermill.
    clock : callable
        Returns seconds.

    Raises
    ------
    ValueError
        If the box leaves the picture, or `scale` is out of range.

    Notes
    -----
    What may be read and set is listed in `MonitorState`.

    The traits change at most four times a second, and once more at the end. While a
    cell runs, the kernel does not hear a widget; so the page asks the Jupyter server
    to interrupt the kernel, as the notebook's own stop button does, which `train`
    takes as the wish to stop. Where there is no such server, the page says so.

    Examples
    --------
    >>> from vdsr_lib import train  # doctest: +SKIP
    >>> train(model, patches, config, monitor=LiveMonitor())  # doctest: +SKIP
    """

    seconds_between_steps = 1 / _A_SECOND

    _title = "Training"
    _esm = page_source("tools.js", "kit.js", *_PARTS, "monitor.js")
    _css = page_source("tokens.css", "kit.css", "monitor.css")

    def __init__(
        self,
        picture: NDArray[Any] | None = None,
        *,
        scale: float = 2,
        box: tuple[int, int, int, int] | None = None,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._picture: tuple[Watch, NDArray[Any]] | None = None
        if picture is not None:
            watch = Watch("", "the picture", scale, box or _middle(picture.shape))
            self._picture = watch, picture
            Camera(watch, picture, halo=0, folder=".")  # refuses what cannot be
        self._wanted, self._clock, self._live = live, clock, False
        self._lock = threading.RLock()
        self._stop = False
        self._sent: deque[float] = deque(maxlen=_A_SECOND)
        self._stale = False
        self._course = Course(clock)
        self._camera: Camera | None = None
        self._details = (b"", b"")
        self._bar: Any = Silent()
        super().__init__()
        self.on_msg(self._hear)

    # ---------------------------------------------------------------- the monitor

    @property
    def stop_requested(self) -> bool:
        """Whether the training is to end after the current step."""
        return self._stop

    @stop_requested.setter
    def stop_requested(self, value: bool) -> None:
        """Ask for the end, from any thread."""
        self._stop = bool(value)
        with self._lock:
            if self._stop and self.status == "running":
                self.status = "stopping"

    def begin_runs(self, names: Sequence[str], costs: Sequence[float]) -> None:
        """Lay out the runs of an experiment.

        Parameters
        ----------
        names : sequence of str
            Of the runs, in order.
        costs : sequence of float
            What each costs, in any unit; 0 for one that exists already.
        """
        self._course.lay_out(names, costs)
        self._begin()
        if not self._live:
            self._bar = ExperimentBar(costs).__enter__()

    def begin_run(self, name: str) -> None:
        """Name the run that comes next."""
        if self._course.is_whole:
            self._course.advance()
            if not self._live:
                self._bar.begin_run(name)
        else:
            self._course.add(name)
        self._camera = None
        self._tell(runs=True)

    def spread(self, parts: Sequence[float], at_work: int) -> None:
        """Show runs that workers make at the same time; see `ExperimentBar.spread`."""
        if not self._live:
            self._bar.spread(parts, at_work)
        self._course.spread(parts)
        self._tell()

    def watch(self, camera: Camera | None) -> None:
        """Take the camera of an experiment's run, or None if it watches nothing."""
        self._camera = camera

    def start(self, config: TrainingConfig, total_steps: int) -> None:
        """Begin to draw a training."""
        if not self._course.is_whole:
            self._begin()
            self._bar = Silent() if self._live else ProgressBar()
        self._course.start(total_steps, config.epochs)
        self._bar.start(config, total_steps)
        self._tell(runs=True)

    def step(self, record: Row) -> None:
        """Add a step to the curves."""
        self._bar.step(record)
        self._course.step(record)
        self._tell()

    def look(
        self, model: nn.Module, row: Row, *, baseline: Mapping[str, float] | None
    ) -> None:
        """Add a validation to the curves, and look at the detail.

        Parameters
        ----------
        model : torch.nn.Module
            In evaluation mode.
        row : dict
            ``step``, and scores such as ``psnr_x2`` (dB).
        baseline : mapping, optional
            Bicubic's scores.
        """
        scores = {n: float(v) for n, v in row.items() if n.startswith("psnr")}
        known = dict(baseline or {})
        camera = self._looked(model)
        if camera is not None and not scores:
            scores = {_OF_DETAIL: psnr(camera.reference, camera.latest)}
            known = {_OF_DETAIL: psnr(camera.reference, camera.bicubic)}
        self._course.look(row["step"], scores, known)
        self._tell(runs=True)

    def epoch(self, record: Row) -> None:
        """Show the end of an epoch."""
        self._bar.epoch(record)
        self._tell(runs=True)

    def note(self, line: str) -> None:
        """Keep the arithmetic's line, or a warning, below the curves."""
        self._bar.note(line)
        if line not in self._course.notes:
            self._course.notes.append(line)

    def fail(self, error: BaseException) -> None:
        """Say why a training ends before its time."""
        if isinstance(error, KeyboardInterrupt):
            self._course.fail("stopped", "")
        else:
            self._course.fail("failed", _sentence(error))

    def finish(self, history: History) -> None:
        """Close a training's curves; a training alone also leaves its picture."""
        self._bar.finish(history)
        steps = history.epochs[-1]["step"] if history.epochs else 0
        state = self._course.finish(finished=history.finished, steps=steps)
        if self._course.is_whole:
            self._tell(runs=True)
        else:
            self._end(state)

    def end_runs(self, error: BaseException | None) -> None:
        """Close an experiment.

        Parameters
        ----------
        error : BaseException or None
            What ended it before its time.
        """
        self._course.end(done=error is None)
        if not self._live:
            self._bar.__exit__(type(error) if error else None)
        if error is None:
            self._end("finished")
        elif isinstance(error, (StoppedError, KeyboardInterrupt)):
            self._end("stopped")
        else:
            self._end("failed", _sentence(error))

    # ---------------------------------------------------------------- inside

    def _begin(self) -> None:
        """Choose between drawing and a bar, start the clock, and appear."""
        self._live = someone_looks() if self._wanted is None else self._wanted
        self._stop = False
        self._course.begin()
        with self._lock, self.hold_sync():
            self.turn += 1
            self.kernel = kernel_id() if self._live else ""
            self.status, self.problem = "running", ""
            self.description = "A training that is running."
        self._tell(runs=True)
        if self._live:
            self._show(update=False)

    def _end(self, status: str, problem: str = "") -> None:
        """Write the final state, and leave the picture in the same output."""
        self._tell(runs=True, at_last=True)
        with self._lock, self.hold_sync():
            self.kernel, self.left = "", None
            self.problem, self.status = problem, status
            self.description = alternative_text(self._facts())
        self._show(update=True)

    def _looked(self, model: nn.Module) -> Camera | None:
        """Keep the detail as the network renders it; None if none is watched."""
        camera = self._camera  # an experiment's, which has just taken its frame
        if camera is None and self._picture is not None:
            halo = getattr(model, "receptive_field", 1) // 2
            camera = Camera(*self._picture, halo=halo, folder=".")
            camera.latest = camera.render(model)
        if camera is not None:
            self._details = png_bytes(camera.reference), png_bytes(camera.bicubic)
            self._course.frames[self._course.present] = png_bytes(camera.latest)
        return camera

    def _tell(self, *, runs: bool = False, at_last: bool = False) -> None:
        """Write the news into the traits, unless the page was told often enough."""
        self._stale = self._stale or runs
        moment, sent = self._clock(), self._sent
        enough = len(sent) == _A_SECOND and moment - sent[0] < 1.0
        if not at_last and (enough or not self._live):
            return
        sent.append(moment)
        news = self._course.moment()
        if self._stale:
            self._stale = False
            news |= self._course.rest()
            news["reference"], news["bicubic"] = self._details
        with self._lock, self.hold_sync():
            for name, value in news.items():
                setattr(self, name, value)

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Take a press of the stop button, if it was meant for this training."""
        is_stop = isinstance(content, Mapping) and content.get("do") == "stop"
        if is_stop and self.status == "running" and content["turn"] == self.turn:
            self.stop_requested = True


def _middle(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the box in the middle of a picture."""
    rows, columns = shape[:2]
    height, width = (min(_SIDE, max(1, side // 8 * 8)) for side in (rows, columns))
    return (rows - height) // 2, (columns - width) // 2, height, width


def _sentence(error: BaseException) -> str:
    """Return an exception as text."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
