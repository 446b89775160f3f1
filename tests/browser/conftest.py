"""A real browser, and a real JupyterLab, for the tests that need to see the page.

Chromium is the system's (Debian's package ``chromium``). Every page records what it
asks for and what its console says: a test fails if anything is asked of another
machine, or an error is reported. Screenshots go to ``results/screenshots``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "results" / "screenshots"
LOCAL = ("127.0.0.1", "localhost")
PAINTED = "document.querySelector('[data-drawn=yes]') !== null"
LOOKING = Path(__file__).with_name("looking.js")  # `still()` and others


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, driven by Playwright; the test is skipped where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install playwright"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing (apt-get install chromium)")
    arguments = ["--disable-background-networking", "--disable-component-update"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses root
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=arguments
        )
        yield browser
        browser.close()


class Visit:
    """A page, what it asked of other machines, and what went wrong on it."""

    def __init__(self, context: Any) -> None:
        self.foreign: list[str] = []
        self.errors: list[str] = []
        context.route("**/*", self._route)
        context.add_init_script(path=LOOKING)
        self.page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _route(self, route: Any) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in LOCAL:
            self.foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def check(self) -> None:
        """Fail if another machine was asked, or an error reported, since last time."""
        foreign, errors = self.foreign[:], self.errors[:]
        self.foreign.clear()
        self.errors.clear()
        assert foreign == []
        assert errors == []

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window another size, and wait until all is drawn for it."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_function(
            f"innerWidth === {width} && innerHeight === {height}"
        )
        self.page.evaluate("still()")

    def tab_stops(self) -> dict[str, bool]:
        """Press Tab until focus has gone round the page.

        Return whether an outline shows the focus, for each thing that it reaches.
        """
        reached: dict[str, bool] = {}
        for _ in range(40):
            self.page.keyboard.press("Tab")
            found = self.page.evaluate("focused()")
            if found is None and reached:
                break
            if found is not None:
                reached[found[0]] = reached.get(found[0], True) and found[1]
        return reached

    def expect_the_end(self) -> None:
        """Check, and let the page complain from now on: its server is ended."""
        self.check()
        self.errors = _Deaf()

    def shoot(self, name: str, *, tall: int | None = None) -> None:
        """Save a screenshot of the whole page.

        JupyterLab and Voila scroll within the page; `tall` makes their window so many
        pixels high meanwhile.
        """
        SHOTS.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        if tall is not None:
            self.resize(size["width"], tall)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=tall is None)
        if tall is not None:
            self.resize(**size)


class _Deaf(list[str]):
    """A list that stays empty."""

    def append(self, _text: str) -> None:
        pass


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


class Server:
    """A process that was started, and what it said."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="replace")


@contextmanager
def serving(
    command: list[str], variables: dict[str, str], log: Path
) -> Iterator[Server]:
    """Run a server of its own group of processes; none of them is left behind."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Server(process, log)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def answers(url: str, server: Server, seconds: float = 150) -> None:
    """Wait until a server answers at an address."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.process.poll() is None:
        try:
            urlopen(url, timeout=5).close()
        except HTTPError:
            return  # it is there, and refuses
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"nothing answers at {url}:\n{server.said[-3000:]}")


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


class Lab:
    """A notebook in JupyterLab, with a way to ask its kernel."""

    def __init__(self, page: Any, name: str) -> None:
        self.page = page
        page.evaluate(
            """async (path) => {
          await jupyterapp.commands.execute('docmanager:open', { path });
          const panel = jupyterapp.shell.currentWidget;
          await panel.context.ready;
          await panel.sessionContext.ready;
          await panel.sessionContext.session.kernel.info;
          window.labPanel = panel;
        }""",
            name,
        )

    def command(self, name: str) -> None:
        """Execute a command of JupyterLab's, and wait for its end."""
        self.page.evaluate("(name) => jupyterapp.commands.execute(name)", name)

    def begin(self, name: str) -> None:
        """Execute a command of JupyterLab's, without waiting for its end."""
        self.page.evaluate("(name) => { jupyterapp.commands.execute(name); }", name)

    def theme(self, name: str) -> None:
        """Make JupyterLab light or dark."""
        self.page.evaluate(
            "(theme) => jupyterapp.commands.execute('apputils:change-theme', "
            "{ theme })",
            f"JupyterLab {name.title()}",
        )

    @property
    def cells(self) -> int:
        """How many cells the notebook has."""
        return int(self.page.evaluate("labPanel.content.model.cells.length"))

    def ask(self, code: str) -> Any:
        """Run code in the kernel and return what it prints, as JSON."""
        text = self.page.evaluate(
            """async (code) => {
          const { session } = labPanel.sessionContext;
          const future = session.kernel.requestExecute({ code });
          let text = '';
          future.onIOPub = (m) => { text += m.content.text ?? m.content.evalue ?? ''; };
          await future.done;
          return text;
        }""",
            f"import json; print(json.dumps({code}))",
        )
        return json.loads(text)

    def until(self, code: str, value: Any, seconds: float = 60) -> None:
        """Wait until an expression has a value in the kernel."""
        end = time.monotonic() + seconds
        while (found := self.ask(code)) != value and time.monotonic() < end:
            self.page.wait_for_timeout(100)
        assert found == value

    def close(self) -> None:
        """End the kernel, whatever it does, and leave no notebook open."""
        self.page.evaluate(
            """async () => {
          await labPanel.sessionContext.shutdown();
          labPanel.dispose();
        }"""
        )


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


@pytest.fixture
def open_lab(
    lab_page: Visit, jupyterlab: dict[str, Any]
) -> Iterator[Callable[[Any, str], tuple[Visit, Lab]]]:
    """Write a notebook and open it in JupyterLab, its kernel ready."""
    opened: list[Lab] = []

    def open_notebook(notebook: Any, name: str) -> tuple[Visit, Lab]:
        import nbformat

        nbformat.write(notebook, jupyterlab["work"] / name)
        opened.append(Lab(lab_page.page, name))
        return lab_page, opened[-1]

    lab_page.page.set_viewport_size({"width": 1280, "height": 900})
    yield open_notebook
    for lab in opened:
        lab.theme("light")
        lab.close()
    lab_page.check()
