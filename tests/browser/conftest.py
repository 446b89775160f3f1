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
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
SHOTS = Path(__file__).resolve().parents[2] / "results" / "screenshots"
LOCAL = ("127.0.0.1", "localhost")
PAINTED = "performance.getEntriesByName('vdsr-compare:painted').length"


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

    def shoot(self, name: str) -> None:
        """Save a screenshot of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Visit]]:
    """Open pages; after the test nothing foreign was asked for, no error reported."""
    visits, contexts = [], []

    def open_page(url: str | Path | None = None, **options: Any) -> Visit:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = chromium.new_context(**options)
        contexts.append(context)
        visits.append(Visit(context))
        if isinstance(url, Path):
            context.set_offline(True)
            visits[-1].page.goto(url.as_uri())
            visits[-1].page.wait_for_function(PAINTED, timeout=20_000)
        elif url is not None:
            visits[-1].page.goto(url)
        return visits[-1]

    yield open_page
    for context in contexts:
        context.close()
    assert [visit.foreign for visit in visits if visit.foreign] == []
    assert [visit.errors for visit in visits if visit.errors] == []


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A JupyterLab of this environment, with settings of its own, on loopback."""
    pytest.importorskip("jupyterlab")
    home = tmp_path_factory.mktemp("jupyter")
    folders = {
        name: str(home / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
            "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
        )
    }  # fmt: skip
    labconfig = Path(folders["JUPYTER_CONFIG_DIR"]) / "labconfig"
    labconfig.mkdir(parents=True)
    (labconfig / "page_config.json").write_text(
        json.dumps(
            {
                "disabledExtensions": {
                    "@jupyterlab/apputils-extension:announcements": True
                }
            }
        )
    )
    work = home / "work"
    work.mkdir()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (home / "log.txt").open("wb")
    server = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
            "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0",
            "--IdentityProvider.token=test", "--LabApp.expose_app_in_browser=True",
            f"--ServerApp.root_dir={work}",
        ],
        env={**os.environ, **folders},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for(port, server, home / "log.txt")
        yield {"url": f"http://127.0.0.1:{port}", "work": work}
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.close()


class Lab:
    """A notebook in JupyterLab, with a way to ask its kernel."""

    def __init__(self, page: Any, url: str, path: Path) -> None:
        self.page = page
        page.goto(f"{url}/lab/tree/{path.name}?token=test&reset")
        ready = """async () => {
          const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
          if (!context || !jupyterapp.commands.hasCommand('notebook:run-all-cells')) {
            return false;
          }
          await context.ready;
          await context.session.kernel.info;
          return true;
        }"""
        end = time.monotonic() + 90
        while not page.evaluate(ready):
            assert time.monotonic() < end, "JupyterLab did not get its kernel ready"
            page.wait_for_timeout(200)

    def command(self, name: str) -> None:
        """Execute a command of JupyterLab's."""
        self.page.evaluate("(name) => jupyterapp.commands.execute(name)", name)

    def ask(self, code: str) -> Any:
        """Run code in the kernel and return what it prints, as JSON."""
        text = self.page.evaluate(
            """async (code) => {
          const { session } = jupyterapp.shell.currentWidget.sessionContext;
          const future = session.kernel.requestExecute({ code });
          let text = '';
          future.onIOPub = (m) => { text += m.content.text ?? m.content.evalue ?? ''; };
          await future.done;
          return text;
        }""",
            f"import json; print(json.dumps({code}))",
        )
        return json.loads(text)

    def until(self, code: str, value: Any) -> None:
        """Wait until an expression has a value in the kernel."""
        for _ in range(40):
            if (found := self.ask(code)) == value:
                return
            self.page.wait_for_timeout(100)
        assert found == value


@pytest.fixture
def open_lab(
    visit: Callable[..., Visit], jupyterlab: dict[str, Any]
) -> Callable[[Any, str], tuple[Visit, Lab]]:
    """Write a notebook and open it in JupyterLab, its kernel ready."""

    def opened(notebook: Any, name: str) -> tuple[Visit, Lab]:
        import nbformat

        path = jupyterlab["work"] / name
        nbformat.write(notebook, path)
        visited = visit()
        visited.page.set_default_timeout(60_000)
        return visited, Lab(visited.page, jupyterlab["url"], path)

    return opened


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")
