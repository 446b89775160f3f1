"""``vdsr app``: the page for one's own picture, as a small application under Voila."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from vdsr_lib.errors import LabError

__all__ = ["free_port", "offered", "prepare", "start", "voila_arguments"]

_IP = "127.0.0.1"
_FIRST, _MOST = 8866, 50
_TEMPLATE = "vdsr"
_EXTENSIONS = (
    "anywidget",
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
)


def start(
    port: Annotated[
        int | None,
        typer.Option(help="Where to listen. Default: the first free from 8866 on."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A .safetensors file to offer as a model too; repeatable."),
    ] = None,
) -> None:
    """Open a page in which to upload a picture, enlarge it, compare, and save it.

    It listens on this computer alone (127.0.0.1). Ctrl-C ends it. Needs the extra
    "app".
    """
    try:
        from voila.app import Voila
    except ModuleNotFoundError as error:
        package = (error.name or "voila").partition(".")[0]
        raise LabError(
            f"the package {package} is not installed; "
            "the application needs 'pip install \".[app]\"' in the project's folder"
        ) from error

    models = offered(weights or [])
    chosen = free_port(port)
    os.environ["VDSR_APP_WEIGHTS"] = json.dumps(models)
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    # Jupyter's own settings of its WebSockets make tornado warn at the first page.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    with TemporaryDirectory(prefix="vdsr-app-") as folder:
        page = prepare(Path(folder))
        os.environ["JUPYTER_PATH"] = os.pathsep.join(
            [folder, *filter(None, [os.environ.get("JUPYTER_PATH")])]
        )
        typer.echo(f"Your own picture: http://{_IP}:{chosen}/  (Ctrl-C ends it)")
        # Once it listens, Voila itself hears the interrupt, and ends its kernels.
        with suppress(KeyboardInterrupt):
            Voila.launch_instance(voila_arguments(page, chosen, browser=browser))
    typer.echo("ended")


def offered(weights: Iterable[Path]) -> dict[str, str]:
    """Return the files to offer as models, by the names that the page shows.

    Parameters
    ----------
    weights : iterable of pathlib.Path
        Files that `save_model` wrote.

    Returns
    -------
    dict of str to str
        Absolute paths, each by its file's name, or as it is given where another file
        has that name.

    Raises
    ------
    WeightsError
        If one of them is no weights file: now, and not in the page.
    """
    from vdsr_lib._files import from_home
    from vdsr_lib.weights import read_card

    models: dict[str, str] = {}
    for path in weights:
        read_card(path)
        file = str(from_home(path).absolute())
        if file not in models.values():
            models[str(path) if path.stem in models else path.stem] = file
    return models


def prepare(folder: Path) -> Path:
    """Write what Voila needs: the page, a template for it, and a quiet kernel.

    Parameters
    ----------
    folder : pathlib.Path
        Is to stand in JUPYTER_PATH.

    Returns
    -------
    pathlib.Path
        The notebook to serve.
    """
    from vdsr_lib._files import notebooks_dir
    from vdsr_lib.suite.notebooks import generate

    template = Path(__file__).with_suffix(".html.j2").read_text("utf-8")
    kernel = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "env": {"IPYTHONDIR": str(folder / "ipython")},
    }
    page = Path("page", "own_picture.ipynb")
    files = {
        page: generate(notebooks_dir() / "app" / "own_picture.py"),
        Path("voila", "templates", _TEMPLATE, "index.html.j2"): template,
        Path("voila", "templates", _TEMPLATE, "conf.json"): '{"base_template": "lab"}',
        Path("kernels", "python3", "kernel.json"): json.dumps(kernel),
        # ipykernel 7 warns about TCP at each start.
        Path("ipython", "profile_default", "ipython_kernel_config.py"): (
            "c.IPKernelApp.log_level = 40\n"
        ),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder / page


def voila_arguments(page: Path, port: int, *, browser: bool) -> list[str]:
    """Return Voila's command line: this page alone, on this computer alone, quiet.

    Parameters
    ----------
    page : pathlib.Path
        The notebook.
    port : int
        Where it listens.
    browser : bool
        Whether to open a browser.

    Returns
    -------
    list of str
    """
    return [
        str(page),
        f"--Voila.ip={_IP}",
        f"--Voila.port={port}",
        "--Voila.port_retries=0",
        f"--Voila.open_browser={browser}",
        "--Voila.log_level=ERROR",
        f"--VoilaConfiguration.template={_TEMPLATE}",
        "--VoilaConfiguration.show_tracebacks=True",
        # Others, made for JupyterLab, fail under Voila and fill the console.
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in _EXTENSIONS),
        # A page that was left open for hours gives its memory back.
        "--MappingKernelManager.cull_idle_timeout=7200",
        "--MappingKernelManager.cull_interval=300",
    ]


def free_port(wanted: int | None = None) -> int:
    """Return a port on which nobody listens.

    Parameters
    ----------
    wanted : int, optional
        This one and no other; by default the first free one from 8866 on.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is no port, or taken.
    """
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise ValueError(f"port must be in [1, 65535], got {wanted}")
        if not _is_free(wanted):
            raise ValueError(f"port {wanted} is taken: choose another, or leave it out")
        return wanted
    for port in range(_FIRST, _FIRST + _MOST):
        if _is_free(port):
            return port
    raise ValueError(
        f"the ports {_FIRST} to {_FIRST + _MOST - 1} are all taken: choose one with "
        "--port"
    )


def _is_free(port: int) -> bool:
    """Return whether one may listen on a port of this computer."""
    with closing(socket.socket()) as probe:
        if os.name == "posix":  # as the server does: a port just given back is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_IP, port))
        except OSError:
            return False
    return True


def _interrupt(*_: Any) -> None:
    """End at the first signal, and be deaf to the next: the kernels are being ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
