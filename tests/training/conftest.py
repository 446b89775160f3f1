"""A tiny network and tiny patches that it can learn from, on one thread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import Silent


@pytest.fixture(autouse=True)
def always_one_thread(one_thread: None) -> None:
    """Use the fixture in every test of training."""


def stripes(size: int = 54, seed: int = 0) -> np.ndarray:
    """Sharp edges at all angles: what bicubic blurs and a network can restore."""
    rows, columns = np.mgrid[:size, :size]
    angles = np.random.default_rng(seed).uniform(0, np.pi, 3)
    waves = [np.sin(0.6 * (rows * np.cos(a) + columns * np.sin(a))) for a in angles]
    return np.where(sum(waves) > 0, 200, 50).astype(np.uint8)


@pytest.fixture(scope="session")
def patches() -> PatchSet:
    """144 patches of 9x9 pixels: 7 batches of 20."""
    pictures = [stripes(seed=seed) for seed in range(2)]
    return PatchSet.from_images(pictures, (2, 3), patch_size=9)


@pytest.fixture
def make_model():
    """Make the same tiny network each time."""

    def make(residual: bool = True, seed: int = 1) -> VDSR:
        generator = torch.Generator().manual_seed(seed)
        return VDSR(3, 8, residual, generator=generator)

    return make


class Recorder(Silent):
    """Notes every step; asks for a stop, or raises Ctrl-C, at a given one."""

    seconds_between_steps = 0.0

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.stop_at = stop_at
        self.started: list[tuple] = []
        self.steps: list[dict] = []
        self.epochs: list[dict] = []
        self.finished: list = []
        self.notes: list[str] = []

    def start(self, config, total_steps):
        super().start(config, total_steps)
        self.started.append((config, total_steps))

    def step(self, record):
        self.steps.append(record)
        if record["step"] == self.stop_at:
            self.stop_requested = True

    def epoch(self, record):
        self.epochs.append(record)

    def finish(self, history):
        self.finished.append(history)

    def note(self, line):
        self.notes.append(line)


@pytest.fixture
def recorder() -> type[Recorder]:
    """The class of a monitor that notes everything."""
    return Recorder


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether all bits agree."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture
def equal_weights():
    """Compare two networks bit by bit."""
    return same_weights
