"""What an installation holds: the core by itself, and what a wheel carries."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

# Refuse every package that only an extra brings, then use the core.
CORE = r"""
import importlib, pkgutil, re, sys
from importlib.metadata import requires

class Refuse:
    def __init__(self, absent): self.absent = absent
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.absent:
            raise ModuleNotFoundError(f"{name} is refused here", name=name)

names = {"notebook", "IPython", "traitlets", "jupyter_client", "jinja2", "dask"}
for line in requires("vdsr-lib"):
    if "extra ==" in line:
        names.add(re.match(r"[\w-]+", line)[0].replace("-", "_"))
names -= {"vdsr_lib"}
assert {"matplotlib", "papermill", "anywidget", "distributed"} <= names, names
sys.meta_path.insert(0, Refuse(names))

import vdsr_lib
for module in pkgutil.walk_packages(vdsr_lib.__path__, "vdsr_lib."):
    # The kernels are for Triton, which comes with torch for a GPU and not without.
    if not re.match(r"vdsr_lib\.(suite|widgets|__main__|models\._k)", module.name):
        importlib.import_module(module.name)

import numpy
picture = numpy.zeros((40, 50, 3), "uint8")
assert vdsr_lib.upscale(picture, 3, model="bicubic").shape == (120, 150, 3)
network = vdsr_lib.VDSR(3, 8)
assert vdsr_lib.upscale(picture, 2, model=network, device="cpu").shape == (80, 100, 3)
assert len(vdsr_lib.evaluate("bicubic", {"black": picture}, (2,))) == 1
assert len(vdsr_lib.load_images("embedded-test")) == 5
assert len(vdsr_lib.paper.table("table3")) == 72
"""


def test_the_core_works_without_any_package_of_the_extras():
    done = subprocess.run(
        [sys.executable, "-c", CORE],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        capture_output=True,
        timeout=120,
        check=True,
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_a_wheel_carries_data_lessons_and_licences(wheel, root: Path):
    names = set(wheel.namelist())
    data = [p for p in (root / "data").rglob("*") if p.is_file()]
    assert len(data) >= 10
    lessons = list((root / "notebooks").glob("*.ipynb"))
    assert len(lessons) >= 1
    for path in data:
        assert f"vdsr_lib/_data/{path.relative_to(root / 'data')}" in names
    for path in lessons:
        assert f"vdsr_lib/_notebooks/{path.name}" in names
    licences = {name.rpartition("/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-text.md"}


def test_a_wheel_carries_nothing_that_a_program_left(wheel):
    stray = re.compile(
        r"\.pyc$|__pycache__|\.ipynb_checkpoints|(^|/)\.|tests?/|results/"
    )
    assert [name for name in wheel.namelist() if stray.search(name)] == []


def test_the_lessons_in_a_wheel_have_no_outputs(wheel):
    books = [name for name in wheel.namelist() if name.endswith(".ipynb")]
    for name in books:
        for cell in json.loads(wheel.read(name))["cells"]:
            assert not cell.get("outputs"), name
            assert cell.get("execution_count") is None, name
