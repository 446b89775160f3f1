"""Runs as tasks of Dask on loopback: the same results, a killed worker, Ctrl-C."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from vdsr_lib.errors import RunError
from vdsr_lib.experiments import (
    Experiment,
    Material,
    Run,
    RunStore,
    StoppedError,
    make_run,
    run_experiment,
)
from vdsr_lib.experiments.cluster import spread
from vdsr_lib.training import Silent

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals"),
    # As many threads as a worker has, so that the bits can be compared.
    pytest.mark.usefixtures("one_thread"),
]


EPOCHS = 40  # of 8 steps, with a checkpoint after each


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes, and nothing that listens beyond this machine."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as made:
        yield made


@pytest.fixture
def long(experiment: Experiment) -> Experiment:
    """Three runs of some seconds, with a checkpoint at each of their many epochs."""
    runs = []
    for number, run in enumerate(
        (*experiment.runs("quick"), experiment.runs("quick")[0])
    ):
        recipe = replace(
            run.training,
            epochs=EPOCHS,
            drop_every=10,
            max_steps=None,
            validate_every=40,
        )
        runs.append(replace(run, name=f"run {number}", training=recipe, repeat=number))
    return replace(experiment, sizes=dict.fromkeys(experiment.sizes, tuple(runs)))


class Witness(Silent):
    """Notes what it is told; asks for a stop when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[str] = []
        self.notes: list[str] = []
        self.parts: list[list[float]] = []

    def begin_run(self, name: str) -> None:
        self.began.append(name)

    def note(self, line: str) -> None:
        self.notes.append(line)

    def spread(self, parts: list[float], at_work: int) -> None:
        self.parts.append(list(parts))


@pytest.fixture
def undisturbed(long: Experiment, tmp_path: Path) -> dict[str, Any]:
    """The same runs in this process, in one go; made once for all tests."""
    if not _UNDISTURBED:
        _UNDISTURBED.update(made_here(long, tmp_path / "here"))
    return _UNDISTURBED


_UNDISTURBED: dict[str, Any] = {}


def made_here(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Make the runs one after another in this process, undisturbed."""
    material = Material(torch.device("cpu"))
    return {
        run.name: make_run(
            run, store=RunStore(folder), material=material, monitor=Silent()
        )
        for run in experiment.runs("quick")
    }


def assert_same(experiment: Experiment, store: RunStore, expected: dict[str, Any]):
    """Compare weights and frames bit by bit, and all of the history but the seconds."""
    for run in experiment.runs("quick"):
        found = store.load(run.key(), run.declaration())
        wanted = expected[run.name]
        for name, tensor in wanted.model.state_dict().items():
            assert torch.equal(found.model.state_dict()[name], tensor), (run.name, name)
        histories = [each.history.to_dict() for each in (found, wanted)]
        for history in histories:
            for row in history["epochs"]:
                del row["seconds"]
        assert histories[0] == histories[1]
        assert (found.frames.pictures == wanted.frames.pictures).all()


def in_training(store: RunStore, epochs: int = 1) -> list[Path]:
    """The logs of the runs that have finished so many epochs and are not over."""
    logs = store.folder.glob("*/training/history.jsonl")
    return [log for log in logs if len(log.read_text().splitlines()) >= epochs]


def wait_for(condition: Any, seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_goes_on_elsewhere(
    cluster: Any, long: Experiment, undisturbed: Any, tmp_path: Path
):
    """SIGKILL in the middle of a run: what comes out is that of an undisturbed run."""
    store, killed = RunStore(tmp_path / "store"), []

    def kill_one() -> None:
        with distributed.Client(cluster, set_as_default=False) as client:
            wait_for(lambda: len(in_training(store, epochs=5)) == 2)
            pids = client.run(os.getpid)
            at_work = wait_for(
                lambda: [a for a, keys in client.processing().items() if keys]
            )
            os.kill(pids[at_work[0]], signal.SIGKILL)
            killed.append(in_training(store))

    killer = threading.Thread(target=kill_one)
    killer.start()
    witness = Witness()
    result = run_experiment(
        long,
        store=store,
        device="cpu",
        monitor=witness,
        scheduler=cluster.scheduler_address,
    )
    killer.join()
    assert len(killed[0]) >= 1  # it was at work
    assert sum("its worker died; it goes on elsewhere" in n for n in witness.notes) == 1
    for before, after in pairwise(witness.parts):  # no more than an epoch is made again
        assert all(b - a <= 1.01 / EPOCHS for b, a in zip(before, after, strict=True))
    assert sorted(witness.began) == ["run 0", "run 1", "run 2"]
    assert_same(long, store, undisturbed)
    assert sorted(result.models) == ["run 0", "run 1", "run 2"]
    leftovers = {p.name for p in store.folder.rglob("*")} & {"training", "frames"}
    assert not leftovers
    assert not list(store.folder.glob(".sweep-*"))


@pytest.mark.slow
def test_workers_give_the_table_that_one_process_gives(
    cluster: Any, experiment: Experiment, tmp_path: Path
):
    options: dict[str, Any] = {"device": "cpu", "monitor": Silent()}
    address = cluster.scheduler_address
    spread_out = run_experiment(
        experiment, store=tmp_path / "there", scheduler=address, **options
    )
    alone = run_experiment(experiment, store=tmp_path / "here", **options)
    pd.testing.assert_frame_equal(
        spread_out.table.drop(columns="seconds"), alone.table.drop(columns="seconds")
    )
    scored = list((tmp_path / "there").glob("*/scores/*.json"))
    assert len(scored) == 2  # by the workers, each beside its run
    witness = Witness()
    run_experiment(
        experiment,
        store=tmp_path / "there",
        scheduler="tcp://127.0.0.1:1",
        device="cpu",
    )  # all runs are there: nobody is asked
    assert witness.began == []


@pytest.mark.slow
def test_a_monitor_stops_all_runs_in_good_order(
    cluster: Any, long: Experiment, undisturbed: Any, tmp_path: Path
):
    class Stopper(Witness):
        def spread(self, parts: list[float], at_work: int) -> None:
            self.stop_requested = len(in_training(store)) == 2

    store = RunStore(tmp_path / "store")
    with pytest.raises(StoppedError, match="the same call goes on from there"):
        spread(
            long.runs("quick"),
            store=store,
            scheduler=cluster.scheduler_address,
            device="cpu",
            monitor=Stopper(),
        )
    assert list(store) == []
    before = [log.read_text() for log in sorted(in_training(store))]
    assert len(before) == 2
    time.sleep(0.5)
    assert [log.read_text() for log in sorted(in_training(store))] == before
    made_here(long, store.folder)  # goes on here: no lock is held
    assert_same(long, store, undisturbed)


@pytest.mark.slow
def test_the_first_run_that_fails_ends_the_others_and_is_named(
    cluster: Any, long: Experiment, tmp_path: Path
):
    first, *others = long.runs("quick")
    bad = replace(first, training=replace(first.training, batch_size=9999))
    store = RunStore(tmp_path)
    with pytest.raises(
        RunError, match=r"the run 'run 0' failed on its worker: batch_s"
    ):
        spread(
            (bad, *others),
            store=store,
            scheduler=cluster.scheduler_address,
            device="cpu",
            monitor=Silent(),
        )
    assert list(store) == []
    assert not list(store.folder.glob(".sweep-*"))


@pytest.mark.slow
def test_a_local_cluster_stopped_by_ctrl_c_leaves_nothing_running(
    long: Experiment, undisturbed: Any, tmp_path: Path
):
    """The whole process group gets the signal, as from a terminal."""
    store = RunStore(tmp_path / "store")
    script = tmp_path / "script.py"
    script.write_text(
        "import pickle, sys\n"
        "from vdsr_lib.experiments import StoppedError, run_experiment\n"
        "if __name__ == '__main__':\n"
        "    experiment = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "    try:\n"
        "        run_experiment(experiment, store=sys.argv[2], device='cpu',\n"
        "                       scheduler='local')\n"
        "    except StoppedError as error:\n"
        "        sys.exit(f'stopped: {error}')\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script), pickle.dumps(long).hex(), str(store.folder)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: in_training(store))
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "stopped: the experiment was stopped" in said
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):  # nobody is left in the group
        wait_for(lambda: os.killpg(process.pid, 0), seconds=30)
    made_here(long, store.folder)
    assert_same(long, store, undisturbed)


@pytest.mark.parametrize(
    ("scheduler", "error", "message"),
    [
        ("dask", ValueError, "scheduler must be 'local' or an address like tcp://"),
        (
            "tcp://127.0.0.1:9",
            RunError,
            "no Dask scheduler answers at tcp://127.0.0.1:9",
        ),
    ],
)
def test_a_wrong_scheduler_is_named(
    experiment: Experiment, tmp_path: Path, monkeypatch, scheduler, error, message
):
    monkeypatch.setattr("vdsr_lib.experiments.cluster._CONNECTING", 0.5)
    with pytest.raises(error, match=message):
        run_experiment(
            experiment, store=tmp_path, scheduler=scheduler, monitor=Silent()
        )
    assert not list(tmp_path.glob(".sweep-*"))


def test_without_dask_the_extra_is_named(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunError, match=r"pip install 'vdsr-lib\[cluster\]'"):
        run_experiment(experiment, store=tmp_path, scheduler="local", monitor=Silent())


def test_the_library_does_not_import_dask():
    code = (
        "import sys, vdsr_lib.experiments, vdsr_lib.experiments.cluster\n"
        "sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_worker_that_does_not_see_the_store_is_named(
    cluster: Any, run: Run, tmp_path: Path
):
    from vdsr_lib.experiments.worker import Order, carry_out

    order = Order(run, 0, 0, run.key(), str(tmp_path), "cpu", "unknown")
    with (
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(RunError, match=r"does not see the store in .*: give a folder"),
    ):
        client.submit(carry_out, order).result()
    assert list(RunStore(tmp_path)) == []


@pytest.mark.slow
def test_a_worker_with_other_pictures_is_named_before_it_trains(
    cluster: Any, run: Run, tmp_path: Path
):
    """Its folder of the same name holds others: it would train another run."""
    from vdsr_lib.experiments.worker import Order, carry_out

    (tmp_path / ".sweep-known").touch()
    order = Order(run, 0, 0, "0" * 16, str(tmp_path), "cpu", "known")
    with (
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(RunError, match="would make another run of 'tiny'"),
    ):
        client.submit(carry_out, order).result()
    assert list(tmp_path.glob("*/*")) == []
