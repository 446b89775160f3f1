"""Imports run one way: each module of the library imports only from floors below."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FLOORS: tuple[set[str], ...] = (
    {"errors", "_files", "_bars", "paper", "devices", "resize", "models", "clipping"},
    {"images", "metrics", "inference", "receptive"},
    {"datasets", "patches", "weights"},
    {"training", "upscaling", "evaluation", "protocol"},
    {"experiments"},
    {"figures", "claims"},
    {"widgets"},
    {"exercises"},
    {"suite"},
    {"cli"},
    {"__main__"},
)
# Plain helpers without a floor of their own, open to every module.
GROUND = {"errors", "_files"}


def imported_modules(source: str, package: str) -> set[str]:
    """Return the library's top modules that a piece of source imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add("." * node.level + (node.module or ""))  # on no floor
            names = []
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = (
                [module]
                if "." in module
                else [f"{module}.{a.name}" for a in node.names]
            )
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("vdsr_lib.")}
    return found - {package}


def violations(module: str, imports: set[str]) -> list[str]:
    """Name each import that does not go down, or does not say where it goes.

    What `vdsr_lib` hands on, as in ``from vdsr_lib import compare``, may come from any
    floor, and so may a relative import.
    """
    level = {name: i for i, floor in enumerate(FLOORS) for name in floor}
    return [
        f"{module} (floor {level[module]}) imports {other} (floor {level.get(other)})"
        for other in sorted(imports - GROUND)
        if level.get(other, len(FLOORS)) >= level[module]
    ]


def modules(root: Path) -> list[tuple[str, Path]]:
    """Return (top module, file) for each file of the library."""
    package = root / "vdsr_lib"
    files = [p for p in package.rglob("*.py") if p != package / "__init__.py"]
    return [(p.relative_to(package).parts[0].removesuffix(".py"), p) for p in files]


def test_every_module_has_a_floor(root: Path):
    known = set().union(*FLOORS)
    assert {name for name, _ in modules(root)} <= known


def test_imports_only_go_down(root: Path):
    found = [
        f"{path.relative_to(root)}: {problem}"
        for name, path in modules(root)
        for problem in violations(name, imported_modules(path.read_text(), name))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "from vdsr_lib.training import train",
        "import vdsr_lib.training.loop",
        "def f():\n    from vdsr_lib import training",
        "from vdsr_lib.evaluation import evaluate",
        "from vdsr_lib import compare",
        "from ..widgets import compare",
    ],
)
def test_a_climbing_import_is_caught(source: str):
    found = violations("images", imported_modules(source, "images"))
    assert len(found) == 1
    assert found[0].startswith("images (floor 1) imports ")
