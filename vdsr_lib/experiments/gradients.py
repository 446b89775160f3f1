"""Short trainings whose gradients are counted, as the clipping finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vdsr_lib.clipping import RULES
from vdsr_lib.datasets import load_images
from vdsr_lib.devices import resolve_device
from vdsr_lib.evaluation import Validator, validator
from vdsr_lib.experiments.material import middle
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import DivergedError, History, Silent, TrainingConfig, train
from vdsr_lib.training.history import Row

__all__ = ["MAGNITUDES", "ClippingStudy", "GradientTrace", "count_magnitudes"]

MAGNITUDES: Final[NDArray[np.float64]] = 10.0 ** (np.arange(-100, 61) / 10)
"""Edges of the bins in which gradients are counted by size: ten a decade."""

# The clip's limits: theta of each rule, as in the experiment "clipping".
THETAS: Final = {"adjustable": 1e-4, "value": 1e-3, "norm": 0.4, "none": 1e-4}


@dataclass(frozen=True)
class GradientTrace:
    """A short training, with its gradients counted before the clipping.

    Parameters
    ----------
    rule : {"adjustable", "value", "norm", "none"}
        Of the clipping; see `vdsr_lib.clip_gradients`.
    learning_rate : float
        Of every step.
    theta : float
        The clip's limit; not used by "none".
    steps : tuple of int
        The steps, from 1, at which gradients were counted.
    counts : tuple of tuple of int
        For each of them the elements by size: first those below ``MAGNITUDES[0]``,
        then a number for each bin, then those at ``MAGNITUDES[-1]`` and above, those
        that are not finite among them.
    measured : tuple of dict
        For each of them ``loss``, ``gradient_norm`` and ``clipped_share`` (in [0, 1]),
        as the training measured them, and ``largest``, the largest size.
    psnr : tuple of (int, float)
        (step, dB) at each validation, that of step 0 first.
    baseline : float
        Bicubic's PSNR on the same pictures, in dB.
    outcome : str
        "finished", "stopped", or "diverged at step 3".
    """

    rule: str
    learning_rate: float
    theta: float
    steps: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    measured: tuple[Row, ...]
    psnr: tuple[tuple[int, float], ...] = ()
    baseline: float = float("nan")
    outcome: str = "finished"

    @property
    def bound(self) -> float:
        """The size at which an element is clipped; infinite for "norm" and "none"."""
        if self.rule == "adjustable":
            return self.theta / self.learning_rate
        return self.theta if self.rule == "value" else float("inf")

    def __repr__(self) -> str:
        """Return the recipe and how it ended."""
        last = f", {self.psnr[-1][1]:.2f} dB" if self.psnr else ""
        return (
            f"GradientTrace({self.rule}, rate {self.learning_rate:g}, theta "
            f"{self.theta:g})  # {self.outcome} after {self.steps[-1]} steps{last}"
        )


@dataclass(frozen=True)
class ClippingStudy:
    """A training small enough to be repeated under every clipping rule and rate.

    All trainings of a study start from the same weights and see the same patches in
    the same order, so that nothing but the clipping tells them apart.

    Parameters
    ----------
    depth, width : int
        The network; the paper's has 20 and 64.
    steps : int
        Updates of each training, all at one rate.
    every : int
        Steps from one count of the gradients to the next; each of the first steps, in
        which a training may diverge, and the last are counted too.
    batch_size : int
        Patches a step; the paper has 64.
    scales : sequence of int
        What is trained and validated.
    seed : int
        Decides the first weights and the order of the patches.
    device : str or torch.device
        The CPU. A GPU tells of its steps some time after they were made, and takes
        its gradients where they are not counted.

    Raises
    ------
    ValueError
        If `device` is another than the CPU, or not there.

    Examples
    --------
    >>> trace = ClippingStudy().trace("none", 0.1)  # doctest: +SKIP
    >>> trace  # doctest: +SKIP
    GradientTrace(none, rate 0.1, theta 0.0001)  # diverged at step 3 after 3 steps
    """

    depth: int = 10
    width: int = 16
    steps: int = 60
    every: int = 4
    batch_size: int = 16
    scales: Sequence[int] = (2, 3, 4)
    seed: int = 0
    device: str | torch.device = "cpu"

    def __post_init__(self) -> None:
        if resolve_device(self.device).type != "cpu":
            raise ValueError(
                "a study counts gradients step by step, which a GPU does not tell: "
                f"device must be 'cpu', got {str(self.device)!r}"
            )

    def trace(
        self,
        rule: str,
        learning_rate: float,
        theta: float | None = None,
        *,
        monitor: Silent | None = None,
    ) -> GradientTrace:
        """Train once, and count the gradients.

        Parameters
        ----------
        rule : {"adjustable", "value", "norm", "none"}
            Of the clipping.
        learning_rate : float
            Above 0.
        theta : float, optional
            The clip's limit; by default 1e-4 for "adjustable" (the authors' code),
            1e-3 for "value" (what adjustable allows at rate 0.1) and 0.4 for "norm"
            (the best-known port).
        monitor : Silent, optional
            Told of each step; its ``stop_requested`` ends the training.

        Returns
        -------
        GradientTrace
            A training that diverges is one too: its outcome says so.

        Raises
        ------
        ValueError
            If rule, rate or theta are out of range.
        """
        limit = THETAS.get(rule, 1.0) if theta is None else theta
        config = TrainingConfig(
            epochs=10**6,
            drop_every=10**6,
            batch_size=self.batch_size,
            clipping=rule,
            theta=limit,
            learning_rate=learning_rate,
            seed=self.seed,
            validate_every=self.every,
            max_steps=self.steps,
        )
        model, watch = self._model(), self._validator
        start = watch(model)
        counter = _Counter(model, self._counted(), monitor or Silent())
        history, outcome = _trained(
            model,
            self._patches,
            counter,
            config=config,
            validate=watch,
            device=self.device,
        )
        rows = [{"step": 0, **start}, *history.validations]
        names = list(start)
        return GradientTrace(
            rule,
            learning_rate,
            limit,
            tuple(counter.rows),
            tuple(counts for counts, _ in counter.rows.values()),
            tuple(row for _, row in counter.rows.values()),
            tuple((r["step"], float(np.mean([r[n] for n in names]))) for r in rows),
            float(np.mean(list(watch.baseline.values()))),
            outcome,
        )

    def grid(
        self,
        rules: Iterable[str] = RULES,
        rates: Iterable[float] = (0.1, 0.01, 0.001),
        *,
        thetas: Mapping[str, float] | None = None,
    ) -> list[GradientTrace]:
        """Train under each rule at each rate.

        Parameters
        ----------
        rules : iterable of str
            Clipping rules.
        rates : iterable of float
            Learning rates.
        thetas : mapping of str to float, optional
            Rule -> its limit, where it is not that of `trace`.

        Returns
        -------
        list of GradientTrace
            Rule by rule, in the order given.
        """
        limits, rates = thetas or {}, list(rates)
        return [
            self.trace(rule, rate, limits.get(rule)) for rule in rules for rate in rates
        ]

    def _counted(self) -> set[int]:
        """Return the steps at which gradients are counted."""
        later = range(self.every, self.steps + 1, self.every)
        return {*range(1, 2 * self.every + 1), *later, self.steps}

    def _model(self) -> VDSR:
        """Return the network with its first weights, the same every time."""
        draw = torch.Generator().manual_seed(self.seed)
        return VDSR(self.depth, self.width, generator=draw)

    @cached_property
    def _patches(self) -> PatchSet:
        """Patches of three pictures with much texture: enough for a short training."""
        images = load_images("embedded-train")
        few = {n: images[n] for n in ("motorcycle_left", "grass", "brick")}
        side = 2 * self.depth + 1
        return PatchSet.from_images(few, self.scales, patch_size=side)

    @cached_property
    def _validator(self) -> Validator:
        """Details of two test pictures, to see whether the training gets anywhere."""
        images = load_images("embedded-test")
        few = {n: middle(images[n], 96) for n in ("camera", "coffee")}
        return validator(few, self.scales, self.device)


def count_magnitudes(gradients: Iterable[torch.Tensor]) -> NDArray[np.int64]:
    """Count the elements of gradients by their size.

    Parameters
    ----------
    gradients : iterable of torch.Tensor
        Of any shapes, on any device.

    Returns
    -------
    (162,) array of int64
        As in `GradientTrace`.
    """
    edges = torch.from_numpy(MAGNITUDES)
    counts = torch.zeros(len(MAGNITUDES) + 1, dtype=torch.int64)
    for gradient in gradients:
        size = gradient.detach().abs().flatten().double().cpu()
        size = size.nan_to_num(nan=torch.inf, posinf=torch.inf)  # (elements,)
        bins = torch.bucketize(size, edges, right=True)  # (elements,)
        counts += torch.bincount(bins, minlength=len(counts))
    found: NDArray[np.int64] = counts.numpy()
    return found


class _Counter(Silent):
    """Counts a model's gradients before they are clipped, and passes the steps on."""

    seconds_between_steps = 0.0

    def __init__(self, model: nn.Module, wanted: set[int], monitor: Silent) -> None:
        self._monitor = monitor
        super().__init__()
        self.rows: dict[int, tuple[tuple[int, ...], Row]] = {}
        self._wanted = wanted
        self._parameters = list(model.parameters())
        self._arrived: list[torch.Tensor] = []
        self._hooks = [
            p.register_post_accumulate_grad_hook(self._hear)  # type: ignore[no-untyped-call]
            for p in self._parameters
        ]

    @property
    def stop_requested(self) -> bool:
        """Whether the monitor behind this one asks for a stop."""
        return self._monitor.stop_requested

    @stop_requested.setter
    def stop_requested(self, wish: bool) -> None:
        self._monitor.stop_requested = wish

    def start(self, config: TrainingConfig, total_steps: int) -> None:
        """Pass it on."""
        self._monitor.start(config, total_steps)

    def _hear(self, parameter: torch.Tensor) -> None:
        """Count when the gradients of all parameters have arrived."""
        if parameter.grad is not None:
            self._arrived.append(parameter.grad)
        if len(self._arrived) == len(self._parameters):
            self._counts = tuple(count_magnitudes(self._arrived).tolist())
            self._largest = max(float(g.abs().max()) for g in self._arrived)
            self._arrived = []

    def step(self, record: Row) -> None:
        """Join a step's numbers to its counts."""
        if record["step"] in self._wanted:
            self.keep(record)
        self._monitor.step(record)

    def keep(self, record: Row) -> None:
        """Keep the counts of the step that was just made."""
        names = ("loss", "gradient_norm", "clipped_share")
        row: Row = {name: float(record[name]) for name in names}
        self.rows[record["step"]] = self._counts, row | {"largest": self._largest}

    def finish(self, history: History) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()
        self._monitor.finish(history)


def _trained(
    model: nn.Module, patches: PatchSet, counter: _Counter, **options: Any
) -> tuple[History, str]:
    """Train, and say how it ended."""
    try:
        history = train(model, patches, monitor=counter, **options)
    except DivergedError as error:
        counter.keep(error.history.epochs[-1])
        return error.history, f"diverged at step {error.history.epochs[-1]['step']}"
    return history, "finished" if history.finished else "stopped"
