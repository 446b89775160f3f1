"""Devices: what is chosen, what is refused, and what is written beside a number."""

from __future__ import annotations

import json
import subprocess
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch

from vdsr_lib import devices
from vdsr_lib.devices import (
    choose_precision,
    describe_machine,
    exact_convolutions,
    resolve_device,
)


@pytest.fixture
def cpu_with(monkeypatch):
    """Pretend that torch's probes answer as told."""

    def pretend(*, amx: bool, avx512: bool) -> None:
        devices._cpu_bfloat16.cache_clear()
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)

    yield pretend
    devices._cpu_bfloat16.cache_clear()


def test_auto_is_the_gpu_where_there_is_one_and_the_cpu_elsewhere():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "", "cuda:x"])
def test_an_unknown_device_is_refused_by_name(name):
    with pytest.raises(
        ValueError, match=f"auto, cpu, cuda, cuda:N or mps, got '{name}'"
    ):
        resolve_device(name)


def test_an_absent_gpu_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("cuda:0").index == 0
    with pytest.raises(
        ValueError, match=r"'cuda:1'.*sees 1 CUDA devices.*device='auto'"
    ):
        resolve_device("cuda:1")


@pytest.mark.parametrize(
    ("amx", "avx512", "line"),
    [
        (True, True, "bfloat16, channels_last, AMX-BF16"),
        (False, True, "bfloat16, channels_last, AVX512-BF16"),
        (False, False, "float32: this CPU has no bfloat16 instructions"),
    ],
)
def test_the_choice_on_a_cpu_follows_its_instructions(cpu_with, amx, avx512, line):
    cpu_with(amx=amx, avx512=avx512)
    assert str(choose_precision("cpu")) == line


def test_without_torchs_probes_the_kernels_flags_decide(cpu_with, monkeypatch):
    cpu_with(amx=False, avx512=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    monkeypatch.setattr(devices, "_cpu_flags", lambda: frozenset({"avx512_bf16"}))
    assert choose_precision("cpu").reason == "AVX512-BF16"


def test_the_caller_can_override_both_ways(cpu_with):
    cpu_with(amx=True, avx512=True)
    assert str(choose_precision("cpu", "float32")) == "float32: asked for"
    devices._cpu_bfloat16.cache_clear()
    cpu_with(amx=False, avx512=False)
    forced = choose_precision("cpu", "bfloat16")
    assert forced.dtype is torch.bfloat16
    assert "asked for" in str(forced)


def test_a_wrong_precision_is_refused():
    with pytest.raises(ValueError, match="auto, bfloat16, float32, got 'half'"):
        choose_precision("cpu", "half")


def test_autocast_computes_convolutions_in_the_chosen_type():
    layer, image = torch.nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 5, 5)
    low, full = choose_precision("cpu", "bfloat16"), choose_precision("cpu", "float32")
    with low.autocast():
        assert layer(image).dtype is torch.bfloat16
        with full.autocast():
            assert layer(image).dtype is torch.float32
    assert layer(image).dtype is torch.float32
    assert layer.weight.dtype is torch.float32


def test_precision_is_frozen():
    with pytest.raises(FrozenInstanceError):
        choose_precision("cpu").reason = "other"


def test_an_old_gpu_gets_float32_and_a_new_one_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert str(choose_precision("cuda")) == (
        "float32: this GPU has no bfloat16 instructions"
    )
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert str(choose_precision("cuda")) == "bfloat16, channels_last, Some GPU"


def test_the_machine_is_described_in_json_ready_values(root):
    machine = describe_machine("cpu")
    fields = "cpu, cores, memory, device, torch, python, platform, commit"
    assert ", ".join(machine) == fields
    assert json.loads(json.dumps(machine)) == machine
    assert machine["device"] == "cpu"
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert machine["memory"] is None or 0.2 < machine["memory"] < 1e5
    if (root / ".git").exists():
        head = subprocess.check_output(
            ["git", "rev-parse", "HEAD"], cwd=root, text=True
        ).strip()
        assert machine["commit"].removesuffix("-dirty") == head


def test_files_without_their_checkout_are_told_their_commit(tmp_path, monkeypatch):
    """On a machine to which only the files were copied."""
    monkeypatch.setenv("VDSR_COMMIT", "abc123")
    assert devices._commit(tmp_path) == "abc123"
    monkeypatch.setenv("VDSR_COMMIT", "")
    assert devices._commit(tmp_path) is None


def test_another_projects_commit_is_never_taken(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("VDSR_COMMIT", raising=False)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    inside = tmp_path / "site-packages"
    inside.mkdir()
    assert devices._commit(inside) is None


def test_the_commit_says_when_files_differ_from_it(tmp_path: Path):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    git("init", "-q")
    (tmp_path / "vdsr_lib").mkdir()
    for name in ("vdsr_lib/code", "words"):
        (tmp_path / name).write_text("one")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    clean = devices._commit(tmp_path)
    (tmp_path / "words").write_text("two")  # computes nothing
    assert len(clean) == 40
    assert devices._commit(tmp_path) == clean
    (tmp_path / "vdsr_lib" / "code").write_text("two")
    assert devices._commit(tmp_path) == f"{clean}-dirty"


def test_tf32_stays_off_until_the_last_of_overlapping_contexts_ends():
    """As those of two threads: the first to end must not switch it on for the other."""
    cudnn = torch.backends.cudnn
    new = hasattr(cudnn, "conv")
    switch = (cudnn.conv, "fp32_precision") if new else (cudnn, "allow_tf32")
    on, off = ("tf32", "ieee") if new else (True, False)
    before = getattr(*switch)
    setattr(*switch, on)
    try:
        one, other = exact_convolutions(), exact_convolutions()
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert getattr(*switch) == off
        other.__exit__(None, None, None)
        assert getattr(*switch) == on
    finally:
        setattr(*switch, before)
