"""A notebook in a JupyterLab that a browser shows, and its kernel."""

from __future__ import annotations

import json
import time
from typing import Any


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
        assert found == value, found

    def close(self) -> None:
        """End the kernel, whatever it does, and leave no notebook open."""
        self.page.evaluate(
            """async () => {
          await labPanel.sessionContext.shutdown();
          labPanel.dispose();
        }"""
        )
