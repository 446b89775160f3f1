"""A notebook's stop button, pressed on a real kernel."""

from __future__ import annotations

import time

import pytest

CELL = """
import torch
torch.set_num_threads(1)
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import ProgressBar, TrainingConfig, train

hr = torch.rand(64, 1, 9, 9)
patches = PatchSet((hr + 0.5) / 2, hr, torch.full((64,), 2.0))

class Speaking(ProgressBar):
    def step(self, record):
        super().step(record)
        print("step", record["step"], flush=True)

history = train(
    VDSR(3, 8),
    patches,
    TrainingConfig.paper(epochs=10_000_000),
    run_dir={folder!r},
    monitor=Speaking(),
    device="cpu",
)
print("returned", history.finished, history.epochs[-1]["step"])
"""


@pytest.mark.slow
def test_the_stop_button_returns_the_history_and_the_next_cell_runs(tmp_path):
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        request = client.execute(CELL.format(folder=str(tmp_path)))
        said = ""
        until = time.monotonic() + 120
        pressed = False
        while "returned" not in said and time.monotonic() < until:
            message = client.get_iopub_msg(timeout=120)
            content = message["content"]
            assert message["msg_type"] != "error", content.get("traceback")
            said += content.get("text", "") if message["msg_type"] == "stream" else ""
            if "step " in said and not pressed:
                kernel.interrupt_kernel()
                pressed = True
        assert "returned False" in said
        while client.get_shell_msg(timeout=60)["parent_header"]["msg_id"] != request:
            pass
        reply = client.execute_interactive("2 + 2", timeout=60)
        assert reply["content"]["status"] == "ok"
        assert (tmp_path / "checkpoint.safetensors").exists()
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
