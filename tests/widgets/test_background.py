"""One piece of work at a time; the latest wins."""

from __future__ import annotations

import threading

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
