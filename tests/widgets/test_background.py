"""One piece of work at a time; the latest wins."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from vdsr_lib.widgets import background
from vdsr_lib.widgets.background import CancelledError, Latest


def test_the_latest_wins_and_two_never_run_together():
    latest, order, first_runs = Latest(), [], threading.Event()

    def first(check) -> None:
        first_runs.set()
        try:
            while True:
                check()
        except CancelledError:
            order.append("first stopped")

    latest.start(first)
    assert first_runs.wait(30)
    for name in ("second", "third"):
        latest.start(lambda _, name=name: order.append(name))
    assert latest.wait(30)
    assert order[0] == "first stopped"
    assert order[-1] == "third"


def test_cancel_reaches_the_check():
    latest, ended = Latest(), []

    def work(check) -> None:
        try:
            while True:
                check()
        except CancelledError:
            ended.append(True)

    latest.start(work)
    assert not latest.wait(0.05)
    latest.cancel()
    assert latest.wait(30)
    assert ended == [True]


def test_nothing_to_wait_for():
    assert Latest().wait(0)


def test_work_for_which_there_is_no_thread_leaves_nothing_behind(monkeypatch):
    latest, done = Latest(), []
    with monkeypatch.context() as short:

        def refuse(_thread) -> None:
            raise RuntimeError("can't start new thread")

        short.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            latest.start(lambda _: done.append("never"))
    assert not background._running
    latest.start(lambda _: done.append("later"))
    assert latest.wait(30)
    assert done == ["later"]


def test_a_script_that_ends_while_work_runs_ends_in_order():
    """A thread that comes out of PyTorch into an interpreter that ends aborts it."""
    script = """
import threading, torch
from vdsr_lib.widgets.background import CancelledError, Latest
torch.set_num_threads(1)
layer, runs = torch.nn.Conv2d(32, 32, 3, padding=1), threading.Event()
def work(check):
    maps = torch.zeros(1, 32, 256, 256)
    try:
        while True:
            layer(maps)
            runs.set()
            check()
    except CancelledError:
        print("stopped")
Latest().start(work)  # and nobody keeps it
assert runs.wait(60)
"""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "stopped\n", "")
