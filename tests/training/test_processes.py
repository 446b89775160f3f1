"""The same batch split over two processes gives the same step as one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vdsr_lib.training import History
from vdsr_lib.training.processes import Processes, join_processes

SCRIPT = Path(__file__).with_name("spread.py")


def test_one_process_is_alone():
    processes = join_processes("cpu")
    assert (processes.rank, processes.size, processes.is_first) == (0, 1, True)
    examples = torch.arange(5)
    assert torch.equal(processes.share(examples), examples)
    assert processes.any(True)
    assert not processes.any(False)
    assert processes.from_first("x") == "x"
    module = torch.nn.Identity()
    assert processes.wrap(module) is module
    assert processes.mean(torch.tensor(3.0)).item() == 3


def test_shares_cover_a_batch_once():
    device = torch.device("cpu")
    shares = [Processes(device, rank, 3).share(torch.arange(64)) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == list(range(64))
    assert {len(share) for share in shares} == {21, 22}


@pytest.fixture(scope="module")
def spread(tmp_path_factory) -> tuple[Path, Path]:
    """The folders of the runs in one process, and in two under torchrun (gloo)."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for launcher, folder in (([], alone), (torchrun, together)):
        command = [sys.executable, *launcher, str(SCRIPT), str(folder)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
    return alone, together


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one(spread):
    """To float32 rounding, although 21 patches are shared unevenly, 11 and 10."""
    alone, together = spread
    expected = load_file(alone / "three0.safetensors")
    found = load_file(together / "three0.safetensors")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=2e-7)
    row, other = (History.load(each / "three0.json").epochs[-1] for each in spread)
    for key in ("loss", "gradient_norm", "clipped_share"):
        assert other[key] == pytest.approx(row[key], rel=1e-5)


@pytest.mark.slow
def test_two_processes_reach_where_one_does(spread):
    """Rounding grows along 224 steps, but the course is the same."""
    one, two = (History.load(each / "whole0.json").epochs for each in spread)
    for row, other in zip(one, two, strict=True):
        assert other["loss"] == pytest.approx(row["loss"], rel=1e-3)


@pytest.mark.slow
def test_all_processes_hold_the_same_bits_and_only_the_first_reports(spread):
    _, together = spread
    for name in ("whole", "stopped", "resumed"):
        first = load_file(together / f"{name}0.safetensors")
        second = load_file(together / f"{name}1.safetensors")
        assert all(torch.equal(first[key], second[key]) for key in first)
    first, second = (History.load(together / f"whole{rank}.json") for rank in (0, 1))
    assert [row["loss"] for row in first.epochs] == [r["loss"] for r in second.epochs]
    assert "psnr" in first.epochs[0]
    assert "psnr" not in second.epochs[0]


@pytest.mark.slow
def test_a_stop_in_one_stops_all_and_the_run_resumes_to_the_same_bits(spread):
    for folder in spread:
        stopped = History.load(folder / "stopped0.json")
        assert stopped.epochs[-1]["step"] == 10
        whole = load_file(folder / "whole0.safetensors")
        resumed = load_file(folder / "resumed0.safetensors")
        assert all(torch.equal(whole[key], resumed[key]) for key in whole)
