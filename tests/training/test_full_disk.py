"""A file system that is really full: a small one, mounted where only the test sees it.

`test_run_folder.py` pretends that each write fails in turn; here the kernel refuses.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
_MOUNT = 'mount -t tmpfs -o size=256k none "$1"'
_RUN = f'{_MOUNT} && exec "$2" -c "$3" "$1"'

PROGRAM = """
import sys
from pathlib import Path
import torch

from vdsr_lib.errors import RunError
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import Silent, TrainingConfig, train

torch.set_num_threads(1)
disk = Path(sys.argv[1])
ballast = disk / "ballast"
generator = torch.Generator().manual_seed(0)
hr = torch.rand(60, 1, 9, 9, generator=generator)
patches = PatchSet((hr + 0.5) / 2, hr, torch.full((60,), 2.0))

class Filling(Silent):
    seconds_between_steps = 0.0

    def step(self, record):
        if record["step"] == 4:  # of 9, in the second epoch of three
            with ballast.open("wb", buffering=0) as stream:
                try:
                    while stream.write(b"0" * 512):
                        pass
                except OSError:
                    pass

def run(folder, **options):
    model = VDSR(3, 8, generator=torch.Generator().manual_seed(1))
    config = TrainingConfig.paper(epochs=3, batch_size=20)
    given = {"monitor": Silent(), "device": "cpu", "precision": "float32"} | options
    given |= {"run_dir": folder, "resume": True} if folder else {}
    return model, train(model, patches, config, **given)

try:
    run(disk / "run", monitor=Filling())
except RunError as error:
    print(error)
print(sorted(path.name for path in (disk / "run").iterdir()))
try:
    run(disk / "run")
except RunError as error:
    print(error)
ballast.unlink()
resumed, history = run(disk / "run")
whole, _ = run(None)
pairs = zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True)
print(history.finished, all(torch.equal(one, other) for one, other in pairs))
"""


def _may_mount(folder: Path) -> bool:
    """Whether this system lets a test mount a file system of its own."""
    try:
        tried = subprocess.run(
            [*_OWN_MOUNTS, _MOUNT, "sh", str(folder)], capture_output=True, check=False
        )
    except FileNotFoundError:  # no Linux
        return False
    return tried.returncode == 0


def test_a_full_file_system_stops_the_run_and_with_room_it_goes_on(tmp_path: Path):
    if not _may_mount(tmp_path):
        pytest.skip("no file system of one's own can be mounted here (unshare, tmpfs)")
    done = subprocess.run(
        [*_OWN_MOUNTS, _RUN, "sh", str(tmp_path), sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    stopped, files, again, outcome = done.stdout.splitlines()
    assert "could not be written (No space left on device)" in stopped
    assert "training stopped, the checkpoint of step 3 is intact" in stopped
    assert "Make room, then call again with resume=True" in stopped
    assert files == str(
        [".lock", "checkpoint.safetensors", "config.json", "history.jsonl"]
    )  # and nothing half written under another name
    assert "No space left on device" in again
    assert "the checkpoint of step 3 is intact" in again
    assert outcome == "True True"  # finished, to the bits of a run never stopped
