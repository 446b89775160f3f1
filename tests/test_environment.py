"""One environment told three times: pyproject.toml, the lock and environment.yml."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from vdsr_lib.suite.environment import (
    TORCH,
    conda_environment,
    direct_dependencies,
    locked_versions,
)


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def lock(root: Path) -> str:
    return (root / "requirements.lock").read_text()


def test_every_requirement_is_locked_within_its_bounds(project: dict, lock: str):
    pins = locked_versions(lock)
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [text for group in groups for text in group]
    checked = 0
    for text in wanted:
        need = Requirement(text)
        if need.name in {"torch", project["name"]}:
            continue
        assert need.specifier.contains(
            pins[re.sub(r"[-_.]+", "-", need.name).lower()]
        ), text
        checked += 1
    assert checked >= 25


def lacking(lock: str, python: str) -> list[str]:
    """Return what packages of the lock need on a Python, and the lock does not hold."""
    system = {"python_version": python.rpartition(".")[0]}
    system |= {"python_full_version": python, "extra": ""}
    lines = re.findall(r"^([\w.-]+==[^\\\n]+) \\$", lock, re.MULTILINE)
    pins = [Requirement(line) for line in lines]
    here = [pin for pin in pins if not pin.marker or pin.marker.evaluate(system)]
    held = {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in here}
    versions = held | {"torch": TORCH}
    lacks, looked_at = [], 0
    for name in held:
        try:
            needs = map(Requirement, requires(name) or ())
        except PackageNotFoundError:  # of another Python or another system
            continue
        looked_at += 1
        for need in needs:
            version = versions.get(canonicalize_name(need.name))
            wanted = need.marker is None or need.marker.evaluate(system)
            if wanted and not (version and need.specifier.contains(version)):
                lacks.append(f"{name}: {need}")
    assert looked_at > 150
    return lacks


@pytest.mark.parametrize("python", ["3.11.9", "3.12.9", "3.13.9"])
def test_the_lock_holds_what_its_packages_need_on_each_python(lock: str, python: str):
    """It is installed as it is, with ``--no-deps``."""
    assert lacking(lock, python) == []


def test_a_lock_for_one_python_would_be_noticed(lock: str):
    narrow = re.sub(r"^aiohttp==", "other==", lock, flags=re.MULTILINE)
    assert narrow != lock
    assert lacking(narrow, "3.11.9") == []
    assert [line.split(":")[0] for line in lacking(narrow, "3.12.9")] == ["papermill"]


def without_lowest(texts: list[str]) -> list[str]:
    """Return the requirements that a package's very first release would meet."""
    return [
        text
        for text in texts
        if not {part.operator for part in Requirement(text).specifier} & {">=", "=="}
    ]


def test_every_requirement_says_the_lowest_version_that_will_do(project: dict):
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [text for group in groups for text in group]
    assert without_lowest(["editables", "sphinx<10", "torch>=2.6"]) == [
        "editables",
        "sphinx<10",
    ]
    found = without_lowest(wanted)
    assert {Requirement(text).name for text in found} == {project["name"]}


def test_the_versions_of_python_are_the_same_wherever_they_are_named(
    root: Path, project: dict
):
    allowed = SpecifierSet(project["requires-python"])
    python = [f"3.{minor}" for minor in range(50) if f"3.{minor}" in allowed]
    assert len(python) >= 2
    classified = [line.partition("Python :: ")[2] for line in project["classifiers"]]
    assert [version for version in classified if version] == python
    sentence = f"You need Python {', '.join(python[:-1])} or {python[-1]}, make"
    assert sentence in " ".join((root / "README.md").read_text().split())
    makefile = (root / "Makefile").read_text()
    assert f"for p in {' '.join(f'python{v}' for v in python)} python3" in makefile
    low, high = (version.replace(".", ", ") for version in (python[0], python[-1]))
    assert f"({low}) <= sys.version_info[:2] <= ({high})" in makefile


def test_torch_is_not_in_the_lock_and_no_gpu_package_is(lock: str):
    names = set(locked_versions(lock))
    assert not {name for name in names if name.startswith(("nvidia-", "cuda-"))}
    assert names.isdisjoint({"torch", "triton", "torchvision", "piq", "lpips"})


def test_every_pin_is_hashed_and_names_no_host(lock: str):
    blocks = re.split(r"\n(?=\S)", lock.split("\n#")[0])
    assert len(blocks) > 100
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", lock)


def test_the_makefile_installs_the_torch_that_the_lock_goes_with(root: Path, project):
    assert f"torch=={TORCH}" in (root / "Makefile").read_text()
    document = tomllib.loads((root / "pyproject.toml").read_text())
    assert document["tool"]["uv"]["constraint-dependencies"] == [f"torch=={TORCH}"]
    torch = next(
        r for r in map(Requirement, project["dependencies"]) if r.name == "torch"
    )
    assert torch.specifier.contains(TORCH)
    assert torch.specifier.contains("2.6")


def test_each_target_of_make_has_its_line_in_the_readme(root: Path):
    """For those without make: whatever a recipe runs, the README names."""
    makefile = (root / "Makefile").read_text()
    readme = " ".join((root / "README.md").read_text().split())
    checked = 0
    targets = "reproduce", "test", "lab", "app", "classroom", "check", "notebooks"
    for target in targets:
        recipe = makefile.split(f"\n{target}: venv", 1)[1].split("\n\n", 1)[0]
        for line in recipe.splitlines()[1:]:
            for command in line.replace("$(ARGS)", "").split("&&"):
                words = command.strip().replace("$(RUN) -m ", "")
                words = words.replace("$(BIN)/", "").replace("vdsr_lib", "vdsr")
                assert words.partition("/0")[0].strip() in readme, words
                checked += 1
    assert checked == 10


def test_environment_yml_is_what_the_lock_says(root: Path):
    assert (root / "environment.yml").read_text() == conda_environment(root)


def test_a_stale_environment_yml_would_be_noticed(root: Path, tmp_path: Path):
    """The fixture that the comparison above must catch: one version moved on."""
    (tmp_path / "pyproject.toml").write_bytes((root / "pyproject.toml").read_bytes())
    moved = re.sub(
        r"^numpy==\S+",
        "numpy==2.0.0",
        (root / "requirements.lock").read_text(),
        flags=re.M,
    )
    (tmp_path / "requirements.lock").write_text(moved)
    assert conda_environment(tmp_path) != conda_environment(root)


def test_the_core_needs_no_notebook_package(project: dict):
    core = {Requirement(text).name for text in project["dependencies"]}
    extras = {
        Requirement(text).name for text in project["optional-dependencies"]["notebooks"]
    }
    assert core.isdisjoint(extras)
    assert {"jupyterlab", "papermill", "ipywidgets", "matplotlib"} <= extras
    assert extras <= direct_dependencies(project)


IMPORT = """
import sys, threading, time, torch, numpy, random
state = torch.get_rng_state(), numpy.random.get_state()[1].copy(), random.getstate()
start = time.process_time()  # of this process alone, however busy the machine is
import vdsr_lib
seconds = time.process_time() - start
assert seconds < 0.3, f"import vdsr_lib takes {seconds:.2f} s more than import torch"
for name in ("VDSR", "imresize", "clip_gradients", "degrade", "psnr", "PatchSet",
             "train", "evaluate", "upscale", "load_model", "load_images"):
    getattr(vdsr_lib, name)
assert torch.equal(state[0], torch.get_rng_state()), "torch was seeded"
assert (state[1] == numpy.random.get_state()[1]).all(), "numpy was seeded"
assert state[2] == random.getstate(), "random was seeded"
assert threading.active_count() == 1, threading.enumerate()
jupyter = {"IPython", "ipykernel", "ipywidgets", "anywidget", "jupyterlab", "nbformat",
           "nbclient", "papermill", "matplotlib", "traitlets", "jupyter_client"}
assert not jupyter & set(sys.modules), jupyter & set(sys.modules)
"""


def test_importing_is_quick_and_starts_no_jupyter_no_thread_and_no_seed():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_modules_of_the_documents_are_reached_by_their_names() -> None:
    """In a process that has imported none of them: later any would be there."""
    named = (
        "evaluation.validator, lab.inference.super_resolve, "
        "lab.receptive.effective_field, lab.weights.import_srcnn"
    )
    code = f"import vdsr_lib as lab; lab.{named}"
    subprocess.run([sys.executable, "-c", code], check=True)
