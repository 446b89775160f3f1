"""How many students one machine holds.

    python benchmarks/classroom.py --students 12      # a class works at once
    python benchmarks/classroom.py --each             # one assignment after another
    python benchmarks/classroom.py --lessons results/claims.json

The first starts as many kernels at once and runs the assignments in them, solutions
and checks, each kernel the next of the six; nothing but loopback is used. It prints
throughput, failures and the most memory that all of them held together. The second
says what one kernel needs; the third reads that of the lessons from a run of ``vdsr
reproduce``. Failures are an exit status of 1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from measuring import say_machine

from vdsr_lib.suite.assignments import generate, sources
from vdsr_lib.suite.kernel import Kernel

MOST = 64  # students; more is a mistake on one machine
NEED = 500 * 2**20  # bytes for each kernel, or nothing is started
MB = 10**6


@dataclass
class Run:
    """What one student's kernel came to."""

    name: str
    seconds: float
    cpu: float
    peak: int
    checks: int
    errors: list[str]


def student(name: str, text: str, started: Callable[[Kernel], object]) -> Run:
    """Run one notebook in a kernel of its own, as a student's runs."""
    import nbformat
    from nbclient import NotebookClient

    notebook: Any = nbformat.reads(text, as_version=4)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel(folder, {"OMP_NUM_THREADS": "1"})
        try:
            kernel.start()
            assert kernel.manager.ip == "127.0.0.1"
            started(kernel)
            how = {"timeout": 600, "startup_timeout": 300, "allow_errors": True}
            NotebookClient(notebook, km=kernel.manager, **how).execute()
            kernel.sample()
            failures = list(errors(notebook))
        except Exception as error:  # a kernel that does not start is a result, too
            failures = [f"{type(error).__name__}: {error}"]
        finally:
            kernel.close()
    tests = [c for c in notebook.cells if c.source.startswith("check_exercise(")]
    seconds = time.perf_counter() - begun
    peak, cpu = kernel.peak_memory, kernel.cpu_seconds
    return Run(name, seconds, cpu, peak, len(tests), failures)


def errors(notebook: Any) -> Iterator[str]:
    """Yield what went wrong in an executed notebook."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                yield f"cell {number}: {output.ename}: {output.evalue}"


@contextmanager
def watching(kernels: list[Kernel]) -> Iterator[list[int]]:
    """Sample the memory of all kernels together; pages that they share count once."""
    most, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            for kernel in list(kernels):
                kernel.sample()
            most[0] = max(most[0], sum(proportional(k.pid) for k in list(kernels)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def proportional(pid: int) -> int:
    """Return a process's memory in bytes, its share of what it shares (Linux)."""
    try:
        info = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(info, "pss", info.rss))


def at_once(students: int) -> list[Run]:
    """Run the class, and print how it went."""
    free = psutil.virtual_memory().available
    if not 1 <= students <= MOST or students * NEED > free:
        fits = min(MOST, free // NEED)
        raise SystemExit(f"--students must be 1 to {fits} here, got {students}")
    texts = [(path.stem, generate(path, "nbgrader")) for path in sources()]
    kernels: list[Kernel] = []
    begun = time.perf_counter()
    with watching(kernels) as most, ThreadPoolExecutor(students) as pool:
        work = [texts[i % len(texts)] for i in range(students)]
        runs = list(pool.map(lambda item: student(*item, kernels.append), work))
    seconds = time.perf_counter() - begun
    checks, failed = sum(run.checks for run in runs), [r for r in runs if r.errors]
    slowest = max(run.seconds for run in runs)
    print(f"{students} kernels at once: {seconds:.0f} s, the slowest {slowest:.0f} s")
    print(f"throughput {60 * students / seconds:.1f} notebooks a minute, ", end="")
    print(f"{checks / seconds:.2f} checks a second; {len(failed)} kernels failed")
    print(f"peak memory of all kernels together {most[0] / MB:.0f} MB, ", end="")
    print(f"of one {max(run.peak for run in runs) / MB:.0f} MB")
    return runs


def one_by_one() -> list[Run]:
    """Run each assignment by itself, and print what it needs."""
    idle = json.loads(generate(sources()[0], "solution"))
    lines = ["import torch, vdsr_lib\n", "from vdsr_lib import check_exercise, figures"]
    idle["cells"] = [cell for cell in idle["cells"] if cell["cell_type"] == "code"][:1]
    idle["cells"][0]["source"] = lines
    texts = [("a kernel that only waits", json.dumps(idle))]
    texts += [(path.stem, generate(path, "nbgrader")) for path in sources()]
    print("| kernel | wall | processor time | peak memory |\n|---|---|---|---|")
    runs = []
    for name, text in texts:
        runs.append(run := student(name, text, [].append))
        facts = f"{run.seconds:.0f} s | {run.cpu:.0f} s | {run.peak / MB:.0f} MB"
        print(f"| {name} | {facts} |", flush=True)
    return runs


def of_lessons(path: Path) -> None:
    """Print what the lessons needed in a run of ``vdsr reproduce``."""
    print("| lesson | processor time | peak memory |\n|---|---|---|")
    for lesson in json.loads(path.read_text())["lessons"]:
        cpu, peak = lesson["cpu_seconds"], lesson["peak_memory_bytes"]
        title = f"{lesson['lesson']} {lesson['title']}"
        print(f"| {title} | {cpu:.0f} s | {peak / MB:.0f} MB |")


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--students", type=int, metavar="N")
    what.add_argument("--each", action="store_true")
    what.add_argument("--lessons", type=Path, metavar="CLAIMS.JSON")
    asked = parser.parse_args()
    if asked.lessons:
        return of_lessons(asked.lessons)
    torch.set_num_threads(1)
    say_machine(torch.device("cpu"))
    print(f"memory {psutil.virtual_memory().total / 2**30:.0f} GiB", end=", ")
    print(f"load before {psutil.getloadavg()[0]:.1f}")
    runs = one_by_one() if asked.each else at_once(asked.students)
    for run in runs:
        for line in run.errors:
            print(f"{run.name}: {line}")
    raise SystemExit(any(run.errors for run in runs))


if __name__ == "__main__":
    main()
