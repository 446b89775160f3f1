"""benchmarks/classroom.py: what it refuses, what it counts as a failure, its tables."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def benchmark(root: Path) -> ModuleType:
    folder = root / "benchmarks"
    sys.path.insert(0, str(folder))  # it imports what the benchmarks share
    try:
        spec = importlib.util.spec_from_file_location(
            "classroom_benchmark", folder / "classroom.py"
        )
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


@pytest.mark.parametrize("students", [0, -3, 65, 10**6])
def test_a_class_that_does_not_fit_is_not_started(
    benchmark: ModuleType, students: int
) -> None:
    with pytest.raises(SystemExit, match=rf"must be 1 to \d+ here, got {students}"):
        benchmark.at_once(students)


def test_the_lessons_table_is_read_from_a_reproduction(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = {"lesson": "04", "title": "Depth", "cpu_seconds": 61.4}
    facts = {"lessons": [{**lesson, "peak_memory_bytes": 812_400_000}]}
    (tmp_path / "claims.json").write_text(json.dumps(facts))
    benchmark.of_lessons(tmp_path / "claims.json")
    assert "| 04 Depth | 61 s | 812 MB |" in capsys.readouterr().out


@pytest.mark.slow
def test_two_kernels_at_once_are_measured_and_a_failed_check_counts(
    benchmark: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = {
        "good": 'check_exercise = print\ncheck_exercise("a")\nx = bytes(50_000_000)',
        "bad": "check_exercise = print\nraise ValueError('the planted one')",
    }

    def notebook(name: Path, kind: str) -> str:
        assert kind == "nbgrader"
        from nbformat import v4, writes

        first, rest = texts[name.stem].split("\n", 1)
        cells = [v4.new_code_cell(first), v4.new_code_cell(rest)]
        return writes(v4.new_notebook(cells=cells))

    monkeypatch.setattr(benchmark, "sources", lambda: [Path("good"), Path("bad")])
    monkeypatch.setattr(benchmark, "generate", notebook)
    good, bad = benchmark.at_once(2)
    assert (good.name, good.errors, good.checks) == ("good", [], 1)
    assert bad.errors == ["cell 2: ValueError: the planted one"]
    assert 50e6 < good.peak < 1e9
    assert good.cpu > 0
    said = capsys.readouterr().out
    assert "2 kernels at once" in said
    assert "1 kernels failed" in said
