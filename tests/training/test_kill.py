"""SIGKILL at random moments and inside writing: the same bits come out in the end."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import History, Silent, TrainingConfig, train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's"),
]

CONFIG = TrainingConfig.paper(epochs=40, batch_size=20, validate_every=4)  # 280 steps
FLUSH, RENAME = "flush", "rename"
LIVES = 20
LIFE = 27  # flushes; a step has two at least: 20 lives end before the 280 steps do


def go_on(folder: Path | None, planes, seed: int = 1) -> tuple[VDSR, History]:
    """Begin or go on, with a checkpoint after every step."""
    torch.set_num_threads(1)
    model = VDSR(3, 8, generator=torch.Generator().manual_seed(seed))
    history = train(
        model,
        PatchSet(*planes),
        CONFIG,
        run_dir=folder,
        resume=folder is not None,
        checkpoint_seconds=0.0,
        monitor=Silent(),
        validate=lambda m: {"psnr": float(m(planes[0][:2]).mean())},
        device="cpu",
        precision="float32",
    )
    return model, history


def dying(folder: Path, planes, where: str, count: int) -> None:
    """Train, and be killed at the n-th flush or rename of a file."""
    calls = 0

    def deadly(act: Callable) -> Callable:
        def counted(*arguments):
            nonlocal calls
            calls += 1
            if calls == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments)

        return counted

    if where == FLUSH:
        os.fsync = deadly(os.fsync)
    else:
        Path.replace = deadly(Path.replace)
    go_on(folder, planes)


def slow(folder: Path, planes, ready) -> None:
    """Train with a disk so slow that most of the time goes into writing files."""
    flush, left = os.fsync, LIFE

    def slowly(handle: int) -> None:
        nonlocal left
        ready.set()
        left -= 1
        whole = stat.S_ISDIR(os.fstat(handle).st_mode)  # its files have their names
        pause = 0.001 if whole else 0.015
        time.sleep(pause if left else 600)  # the kill may come late, but it comes
        flush(handle)

    os.fsync = slowly
    go_on(folder, planes)


@pytest.fixture(scope="module")
def context():
    """Processes forked from a server that has torch loaded and no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vdsr_lib.training", "vdsr_lib.models"])
    return context


@pytest.fixture
def planes(patches):
    return patches.ilr, patches.hr, patches.scales


def half_written(folder: Path) -> bool:
    return any(p.name != ".lock" and p.name[0] == "." for p in folder.iterdir())


def assert_ends_as_if_never_killed(folder: Path, planes) -> None:
    """One more run, from other weights, that ends as a run without a folder does."""
    model, history = go_on(None, planes)
    resumed, again = go_on(folder, planes, seed=99)
    pairs = zip(model.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    for rows in (history.epochs, again.epochs):
        for row in rows:
            del row["seconds"]
    assert again == history
    log = (folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == list(range(1, 41))
    assert not half_written(folder)


@pytest.mark.parametrize(
    ("where", "counts"),
    [
        # In a first run: config, its folder, log, its folder, checkpoint, its folder.
        (FLUSH, [1, 2, 3, 4, 5, 6, 7, 17, 18, 19, 20, 41]),
        # A death at a rename leaves a file that is whole but has no name yet.
        (RENAME, [1, 2, 3, 2, 3, 10, 25]),
    ],
)
def test_killed_inside_writing(context, planes, tmp_path, where, counts):
    halves = 0
    for count in counts:
        process = context.Process(target=dying, args=(tmp_path, planes, where, count))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        halves += half_written(tmp_path)
    assert halves >= 4  # files under a temporary name, which the next run clears
    assert_ends_as_if_never_killed(tmp_path, planes)


def test_killed_at_random_moments(context, planes, tmp_path):
    chance = random.Random(20)
    alive, halves = 0, 0
    for _ in range(LIVES):
        ready = context.Event()
        process = context.Process(target=slow, args=(tmp_path, planes, ready))
        process.start()
        assert ready.wait(60)
        time.sleep(chance.uniform(0.0, 0.25))
        alive += process.is_alive()
        process.kill()
        process.join(60)
        halves += half_written(tmp_path)
    assert alive == LIVES
    assert halves >= 3
    assert_ends_as_if_never_killed(tmp_path, planes)
