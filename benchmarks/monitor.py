"""What watching costs: the same training with and without the live monitor.

    python benchmarks/monitor.py [--depth 10] [--seconds 20] [--rounds 3] [--threads 1]

In a real Jupyter kernel, whose messages this script receives as a page would, a VDSR
trains on 64 patches of 21 x 21 pixels: in each round silent, watched, watched, silent.
Counted is the processor time of the whole kernel for one step, with the thread that
sends the messages. Such differences are below the noise where other programs run; so
the cost of one update is also measured by itself, over 160 updates of full curves, and
so is what happens once, at the end: drawing the picture that stays in the notebook.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

KERNEL = """
import json, time
import numpy as np, torch
torch.set_num_threads({threads})
from vdsr_lib import VDSR, PatchSet, TrainingConfig, psnr, train
from vdsr_lib.datasets import load_images
from vdsr_lib.training import Silent
from vdsr_lib.widgets import LiveMonitor

photo = load_images("embedded-test")["camera"]
patches = PatchSet.from_images([photo], (2,), patch_size=21)

class Counted(LiveMonitor):
    sends, spent, ending = 0, 0.0, 0.0
    def hold_sync(self):
        self.sends += 1
        return super().hold_sync()
    def _end(self, *given):
        start = time.process_time()
        super()._end(*given)
        self.ending = time.process_time() - start

def seconds_a_step(make, steps):
    torch.manual_seed(0)
    model, monitor = VDSR({depth}, 64), make()
    config = TrainingConfig.paper(epochs=10_000, max_steps=steps)
    start, wall = time.process_time(), time.monotonic()
    train(model, patches, config, monitor=monitor, device="cpu")
    spent = time.process_time() - start - getattr(monitor, "ending", 0.0)
    return spent / steps, time.monotonic() - wall, monitor

quiet, _, _ = seconds_a_step(Silent, 10)
steps = max(20, int({seconds} / quiet))
for _ in range({rounds}):
    a, _, _ = seconds_a_step(Silent, steps)
    b, wall, seen = seconds_a_step(lambda: Counted(live=True), steps)
    c, _, _ = seconds_a_step(lambda: Counted(live=True), steps)
    d, _, _ = seconds_a_step(Silent, steps)
    row = (a + d) / 2, (b + c) / 2, seen.sends / wall, seen.ending
    print(json.dumps(row), flush=True)
watched = Counted(photo, live=True)
watched.start(TrainingConfig.paper(), 10_000)
row = dict(epoch=1, learning_rate=0.1, loss=0.5, gradient_norm=2.0, clipped_share=0.3)
for step in range(1, 401):
    watched._sent.clear()  # an update at each step
    watched.step({{**row, "step": step}})
    if step == 240:  # from here on the curves are full
        time.sleep(0.5)  # what waits to be sent is sent
        start = time.process_time()
time.sleep(0.5)
update = (time.process_time() - start) / 160
print(json.dumps({{"update": update, "steps": steps}}))
"""


def measured(code: str) -> list[Any]:
    """Run code in a fresh kernel, and return what it prints, line by line as JSON."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=120)
    lines: list[Any] = []
    messages, size = 0, 0
    try:
        request = client.execute(code)
        while True:
            message = client.get_iopub_msg(timeout=600)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_msg":
                messages += 1
                size += len(json.dumps(content, default=str))
                size += sum(len(buffer) for buffer in message["buffers"])
            elif kind == "error":
                sys.exit("\n".join(content["traceback"]))
            elif kind == "stream":
                lines += [
                    json.loads(line)
                    for line in content["text"].splitlines()
                    if line[:1] in "[{"
                ]
            elif content.get("execution_state") == "idle":
                done = message["parent_header"].get("msg_id") == request
                if done:
                    break
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    lines.append({"messages": messages, "bytes": size})
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    *rounds, costs, traffic = measured(KERNEL.format(**vars(given)))
    print(f"VDSR of depth {given.depth}, {costs['steps']} steps a training")
    for silent, live, sends, _ in rounds:
        print(
            f"one step: {1e3 * silent:7.2f} ms silent, {1e3 * live:7.2f} ms watched "
            f"({live / silent - 1:+.2%}), {sends:.1f} updates a second"
        )
    silent, live = (statistics.median(each[i] for each in rounds) for i in (0, 1))
    print(f"medians: {live / silent - 1:+.2%}")
    update = costs["update"]
    print(f"one update of full curves: {1e3 * update:.2f} ms of processor time")
    print(f"four a second: {4 * update:.2%} of one core")
    print(f"{traffic['bytes'] / max(1, traffic['messages']) / 1e3:.1f} kB a message")
    print(f"drawing what stays, once: {rounds[-1][3]:.2f} s")


if __name__ == "__main__":
    main()
