"""Progress bars: where a notebook is taken for one, and where it is not."""

from __future__ import annotations

import subprocess
import sys

IN_A_KERNEL = (  # older versions of tqdm ask for the configuration
    "IPython.get_ipython = lambda: SimpleNamespace("
    "kernel=object(), config={'IPKernelApp': {}})"
)


def shown(*lines: str) -> tuple[str, str, str]:
    """Draw a bar in a fresh interpreter; return its kind, the output, the errors."""
    script = "\n".join(
        (
            "import sys; from types import SimpleNamespace",
            *lines,
            "from vdsr_lib._bars import progress_bar",
            "with progress_bar(total=2, desc='files') as bar: bar.update(2)",
            "print('IPython' in sys.modules, type(bar).__mro__[1].__module__)",
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    *out, kind = done.stdout.splitlines()
    return kind, "\n".join(out), done.stderr


def test_a_script_has_a_line_on_standard_error():
    kind, out, err = shown()
    assert kind == "False tqdm.utils"  # the plain bar, and no IPython for it
    assert out == ""
    assert "files: 100%" in err


def test_a_program_that_can_start_kernels_is_no_notebook():
    """``tqdm.auto`` alone takes it for one and writes to standard output."""
    kind, out, err = shown("import IPython, ipykernel.zmqshell")
    assert kind == "True tqdm.utils"
    assert out == ""
    assert "files: 100%" in err


def test_a_kernel_has_a_widget():
    kind, _, err = shown("import IPython, ipykernel.zmqshell", IN_A_KERNEL)
    assert kind == "True tqdm.notebook"
    assert err == ""
