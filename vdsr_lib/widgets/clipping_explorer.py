"""The clipping explorer: gradients by size, and where each rule cuts them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import traitlets as t

from vdsr_lib.experiments.gradients import MAGNITUDES, ClippingStudy, GradientTrace
from vdsr_lib.training import Silent
from vdsr_lib.widgets.asking import Asking
from vdsr_lib.widgets.background import Latest
from vdsr_lib.widgets.clipping_content import clipping_picture, described, packed_trace
from vdsr_lib.widgets.pictured import page_source

__all__ = ["ClippingExplorer", "clipping_explorer"]

_PARTS = tuple(f"clipping_{part}.js" for part in ("numbers", "page", "charts"))
_SECONDS_BETWEEN = 0.25  # between two reports of a training


def clipping_explorer(
    traces: Sequence[GradientTrace] | None = None,
    *,
    study: ClippingStudy | None = None,
    rule: str | None = None,
    learning_rate: float | None = None,
) -> ClippingExplorer:
    """Explore how clipping rules, their limits and learning rates go together.

    Parameters
    ----------
    traces : sequence of GradientTrace, optional
        Trainings whose gradients were counted, as `ClippingStudy.grid` gives them: the
        page shows these, with or without a kernel. By default the study's grid, twelve
        trainings of a second each.
    study : ClippingStudy, optional
        What is trained when a reader asks for another rule, rate or limit, which
        takes a kernel. By default ``ClippingStudy()``.
    rule, learning_rate : optional
        The training to begin with; by default the first.

    Returns
    -------
    ClippingExplorer
        Shows itself when it is the value of a cell.

    Raises
    ------
    ValueError
        If `traces` is empty, or has no training of that rule and rate.

    Examples
    --------
    >>> study = ClippingStudy(seed=1)  # doctest: +SKIP
    >>> clipping_explorer(study.grid(), study=study)  # doctest: +SKIP
    ClippingExplorer(12 trainings)  # adjustable, value, norm, none at 0.1, 0.01, 0.001
    """
    study = study or ClippingStudy()
    if traces is None:
        traces = study.grid()
    if not traces:
        raise ValueError("there is no training to explore: give at least one trace")
    found = [
        i
        for i, trace in enumerate(traces)
        if rule in (None, trace.rule) and learning_rate in (None, trace.learning_rate)
    ]
    if not found:
        raise ValueError(
            f"no trace has rule {rule!r} and rate {learning_rate}; there are "
            + ", ".join(f"{trace.rule} at {trace.learning_rate:g}" for trace in traces)
        )
    widget = ClippingExplorer(
        traces=[packed_trace(trace) for trace in traces],
        edges=MAGNITUDES.tolist(),
        steps_of_a_training=study.steps,
        chosen=found[0],
    )
    widget.study = study
    return widget


class ClippingExplorer(Asking):
    """The clipping explorer; `clipping_explorer` makes one.

    Every attribute may be set from Python, and follows what the reader does.

    Parameters
    ----------
    **traits
        What it holds, and what is chosen.

    Attributes
    ----------
    traces : list of dict
        The trainings; see `packed_trace` in ``widgets/clipping_content.py``.
    chosen : int
        Index of the training on show.
    moment : int
        Index, in its ``steps``, of the step whose gradients are shown.
    theta : float
        The limit drawn over the gradients; 0 takes that of the training.
    progress : float
        How far a training that the reader started is, in [0, 1].
    stop : bool
        Set to True to end it after its current step.
    training : Latest
        The thread in which that training runs.
    """

    _esm = page_source("tools.js", "kit.js", *_PARTS, "clipping_explorer.js")
    _css = page_source("tokens.css", "kit.css", "clipping_explorer.css")
    _title = "Clipping"

    traces: t.List[Any] = t.List().tag(sync=True)
    edges = t.List(t.Float()).tag(sync=True)
    steps_of_a_training = t.Int(60).tag(sync=True)
    chosen = t.Int(0, min=0).tag(sync=True)
    moment = t.Int(0, min=0).tag(sync=True)
    theta = t.Float(0, min=0).tag(sync=True)
    progress = t.Float(0, min=0, max=1).tag(sync=True)
    stop = t.Bool(False).tag(sync=True)

    study: ClippingStudy

    def __init__(self, **traits: Any) -> None:
        self.training = Latest()
        super().__init__(**traits)

    @t.validate("chosen")
    def _existing(self, proposal: Any) -> int:
        """Refuse a training that is not there."""
        if self.traces and proposal["value"] >= len(self.traces):
            raise ValueError(
                f"chosen must be in [0, {len(self.traces) - 1}], got "
                f"{proposal['value']}"
            )
        return int(proposal["value"])

    @t.observe("traces")
    def _describe(self, _change: Any) -> None:
        """Keep the words in step with the trainings."""
        self.description = described(self.traces)

    def _take(self, wanted: dict[str, Any]) -> None:
        """Train in a thread of its own, so that the stop button is heard."""
        if self.busy:
            return
        self.busy, self.problem, self.stop, self.progress = True, "", False, 0.0
        self.training.start(lambda _: self._work(wanted))

    def answer(self, *, rule: str, learning_rate: float, theta: float) -> None:  # type: ignore[override]
        """Train once more, and show that training.

        Parameters
        ----------
        rule : str
            Of the clipping.
        learning_rate, theta : float
            Above 0.
        """
        trace = self.study.trace(rule, learning_rate, theta, monitor=_Reporter(self))
        made = (rule, learning_rate, theta)
        others = [  # a training that is made again takes the place of the first
            one
            for one in self.traces
            if (one["rule"], one["learning_rate"], one["theta"]) != made
        ]
        with self.hold_sync():
            self.chosen = 0
            self.traces = [*others, packed_trace(trace)]
            self.chosen, self.moment = len(self.traces) - 1, len(trace.steps) - 1
            self.theta, self.progress = 0.0, 1.0

    def __repr__(self) -> str:
        """Return the rules and rates that there are."""
        rules = dict.fromkeys(trace["rule"] for trace in self.traces)
        rates = dict.fromkeys(f"{trace['learning_rate']:g}" for trace in self.traces)
        return (
            f"ClippingExplorer({len(self.traces)} trainings)  # "
            f"{', '.join(rules)} at {', '.join(rates)}"
        )

    def _draw(self) -> tuple[bytes, int, int]:
        """Draw the gradients of every training at its last step, with the clip."""
        return clipping_picture(self.traces, self.edges)

    def _drawing_key(self) -> Hashable:
        """Return what the static picture depends on."""
        return str(self.traces)


class _Reporter(Silent):
    """Tells the widget how far a training is, and the training to stop."""

    seconds_between_steps = _SECONDS_BETWEEN

    def __init__(self, widget: ClippingExplorer) -> None:
        super().__init__()
        self._widget, self._total, self._told = widget, 1, 0.0

    def start(self, config: Any, total_steps: int) -> None:
        """Note how many steps there will be."""
        super().start(config, total_steps)
        self._total = total_steps

    def step(self, record: Mapping[str, Any]) -> None:
        """Report, a few times a second."""
        from time import monotonic

        self.stop_requested = self._widget.stop or self._widget.training.stopping
        if monotonic() - self._told >= _SECONDS_BETWEEN:
            self._told = monotonic()
            self._widget.progress = record["step"] / self._total
