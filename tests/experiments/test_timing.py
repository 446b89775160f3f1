"""What depth costs: more layers take longer, by the layers' own arithmetic."""

from __future__ import annotations

import pytest
import torch

from vdsr_lib.experiments import (
    depth_costs,
    get_experiment,
    make_run,
    timing,
    untrained,
)


def test_deeper_networks_cost_more_time():
    table = depth_costs((3, 14), device="cpu", side=64, width=32, repeats=4)
    assert table.index.tolist() == [3, 14]
    assert table.index.name == "depth"
    assert (table > 0).all(axis=None)
    # 12 middle layers against 1: far more than twice, whatever the overhead.
    assert (table.loc[14] > 2 * table.loc[3]).all()


def test_times_are_microseconds_a_pixel(monkeypatch):
    """On a clock that moves by a second at each look, every call takes one."""
    ticks = iter(range(1_000))
    monkeypatch.setattr(timing.time, "process_time", lambda: next(ticks))
    table = depth_costs((2, 3), device="cpu", side=10, width=2, repeats=1)
    assert table.to_numpy() == pytest.approx(1e6 / 100)


def test_a_machine_that_changes_its_pace_changes_no_proportion(monkeypatch):
    """Rounds at three paces, and one hiccup: depth 3 still takes twice depth 2."""
    rounds = [[9.0, 9.0], [2.0, 4.0], [1.0, 2.0], [3.0, 6.0], [2.0, 9.0], [1.5, 3.0]]
    ticks = iter([seconds for each in rounds for seconds in each])
    monkeypatch.setattr(timing, "_jobs", lambda *_: {"training": lambda: None})
    monkeypatch.setattr(timing, "_seconds", lambda *_: next(ticks))
    table = depth_costs((2, 3), device="cpu", side=1, repeats=5)
    assert table.training.tolist() == pytest.approx([1e6, 2e6])


def test_a_cpu_is_timed_with_one_thread(monkeypatch):
    """Threads that wait for one another spin, and count as computing."""
    seen, before = set(), torch.get_num_threads()
    monkeypatch.setattr(
        timing, "_seconds", lambda *_: float(seen.add(torch.get_num_threads()) or 1)
    )
    torch.set_num_threads(2)
    try:
        depth_costs((2,), device="cpu", side=4, width=2, repeats=1)
        assert seen == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_cannot_be_timed_is_refused():
    with pytest.raises(ValueError, match="side and repeats must be at least 1, got 0"):
        depth_costs((3,), side=0)
    with pytest.raises(ValueError, match="got 16 and 0"):
        depth_costs((3,), side=16, repeats=0)


def test_untrained_networks_are_those_that_a_run_starts_from(monkeypatch):
    """A run draws its weights once; `untrained` draws the same ones again."""
    run = get_experiment("side_by_side").runs("quick")[0]
    seen = {}

    def build(architecture, *, generator):
        seen["weights"] = torch.rand(3, generator=generator)
        raise InterruptedError

    monkeypatch.setattr("vdsr_lib.experiments.making.build", build)
    with pytest.raises(InterruptedError):
        make_run(run, 4, store=_Empty(), material=None)  # type: ignore[arg-type]
    monkeypatch.undo()
    generator = torch.Generator().manual_seed(4)
    torch.testing.assert_close(seen["weights"], torch.rand(3, generator=generator))
    first, again = untrained(run, 4), untrained(run, 4)
    other = untrained(run, 5)
    torch.testing.assert_close(first.state_dict(), again.state_dict())
    assert not torch.equal(first.body[0].weight, other.body[0].weight)


class _Empty:
    """A store without runs."""

    def __contains__(self, key: str) -> bool:
        return False

    def path(self, key: str) -> str:
        return key
