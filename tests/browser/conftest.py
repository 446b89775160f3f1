"""A real browser, and a real JupyterLab, for the tests that need to see the page.

Chromium is the system's (Debian's package ``chromium``). Every page records what it
asks for and what its console says: a test fails if anything is asked of another
machine, or an error is reported.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .labs import Lab
from .servers import answers, serving
from .visits import Visit

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[2]
PAINTED = "document.querySelector('[data-drawn=yes]') !== null"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, driven by Playwright; the test is skipped where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install playwright"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing (apt-get install chromium)")
    arguments = ["--disable-background-networking", "--disable-component-update"]
    arguments.append("--enable-unsafe-swiftshader")  # WebGL without a graphics card
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses root
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Visit]]:
    """Open pages; after the test nothing foreign was asked for, no error reported.

    With ``clock=True`` the page's timers are Playwright's, and can be sent ahead.
    """
    visits, contexts = [], []

    def open_page(
        url: str | Path | None = None, *, clock: bool = False, **options: Any
    ) -> Visit:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = chromium.new_context(**options)
        contexts.append(context)
        visits.append(Visit(context))
        page = visits[-1].page
        if clock:
            page.clock.install()
        if isinstance(url, Path):
            context.set_offline(True)
            page.goto(url.as_uri())
            page.wait_for_function(PAINTED, timeout=60_000)
        elif url is not None:
            page.goto(url)
        return visits[-1]

    yield open_page
    for context in contexts:
        context.close()
    for visited in visits:
        visited.check()


@pytest.fixture
def visit_alive(visit: Callable[..., Visit]) -> Callable[..., Visit]:
    """Open a page whose widgets believe that a kernel hears them."""

    def open_page(path: Path, **options: Any) -> Visit:
        opened = visit(**options)
        opened.page.add_init_script(
            "Object.defineProperty(Object.prototype, 'widget_manager', "
            "{ get: () => ({}), set() {} });"
        )
        opened.page.goto(path.as_uri())
        opened.page.wait_for_function(PAINTED)
        return opened

    return open_page


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A JupyterLab of this environment, on loopback, with the project's settings."""
    pytest.importorskip("jupyterlab")
    home = tmp_path_factory.mktemp("jupyter")
    folders = {
        name: str(home / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
            "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
        )
    }  # fmt: skip
    # As `make lab` does: widgets are saved.
    folders["JUPYTER_CONFIG_PATH"] = str(ROOT / "notebooks" / "settings")
    labconfig = Path(folders["JUPYTER_CONFIG_DIR"]) / "labconfig"
    labconfig.mkdir(parents=True)
    quiet = {"@jupyterlab/apputils-extension:announcements": True}
    (labconfig / "page_config.json").write_text(
        json.dumps({"disabledExtensions": quiet})
    )
    work = home / "work"
    work.mkdir()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0",
        "--IdentityProvider.token=test", "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={work}",
    ]  # fmt: skip
    with serving(command, folders, home / "log.txt") as server:
        url = f"http://127.0.0.1:{port}"
        answers(f"{url}/api", server)
        yield {"url": url, "work": work}


@pytest.fixture(scope="session")
def notebook() -> Callable[..., Any]:
    """Make a notebook of cells of code."""
    import nbformat

    def made(*sources: str) -> Any:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        for i, cell in enumerate(cells):
            cell["id"] = f"cell-{i}"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})

    return made


@pytest.fixture(scope="session")
def papermilled(
    notebook: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Run a notebook of cells as papermill does, and return what it leaves."""
    papermill = pytest.importorskip("papermill")
    import nbformat

    def run(*sources: str) -> Any:
        folder = tmp_path_factory.mktemp("lesson")
        nbformat.write(notebook(*sources), folder / "lesson.ipynb")
        papermill.execute_notebook(
            folder / "lesson.ipynb",
            folder / "run.ipynb",
            kernel_name="python3",
            progress_bar=False,
            cwd=folder,
        )
        return nbformat.read(folder / "run.ipynb", as_version=4)

    return run


@pytest.fixture(scope="session")
def serve() -> dict[str, Any]:
    """What starts a server, and what waits for one."""
    return {"serving": serving, "answers": answers}


@pytest.fixture(scope="session")
def lab_page(chromium: Any, jupyterlab: dict[str, Any]) -> Iterator[Visit]:
    """The one page with JupyterLab: loading it takes longer than a notebook does."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    visited = Visit(context)
    visited.page.set_default_timeout(120_000)
    visited.page.goto(f"{jupyterlab['url']}/lab?token=test&reset")
    visited.page.wait_for_function(
        "window.jupyterapp?.commands?.hasCommand('notebook:run-all-cells') && "
        "jupyterapp.commands.hasCommand('docmanager:open')"
    )
    visited.page.evaluate("async () => { await jupyterapp.restored; }")
    yield visited
    context.close()


@pytest.fixture(scope="session")
def start_lab(lab_page: Visit, jupyterlab: dict[str, Any]) -> Callable[[Any, str], Lab]:
    """Write a notebook and open it in JupyterLab, its kernel ready."""

    def start(notebook: Any, name: str) -> Lab:
        import nbformat

        nbformat.write(notebook, jupyterlab["work"] / name)
        lab_page.page.set_viewport_size({"width": 1280, "height": 900})
        return Lab(lab_page.page, name)

    return start


@pytest.fixture
def open_lab(
    lab_page: Visit, start_lab: Callable[[Any, str], Lab]
) -> Iterator[Callable[[Any, str], tuple[Visit, Lab]]]:
    """Open notebooks in JupyterLab for one test; nothing is left of them after it."""
    opened: list[Lab] = []

    def open_notebook(notebook: Any, name: str) -> tuple[Visit, Lab]:
        opened.append(start_lab(notebook, name))
        return lab_page, opened[-1]

    yield open_notebook
    for lab in opened:
        lab.theme("light")
        lab.close()
    lab_page.check()
