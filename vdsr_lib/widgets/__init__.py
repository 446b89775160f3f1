"""Widgets of the lessons: `compare`, and how a widget lives on in a static page.

The state of a widget is in its traits, its drawing in one hand-written JavaScript
file, so that JupyterLab, Voila and a page on disk run the very same code. Each widget
also leaves a static picture in its output, for readers who have none of these.
"""

from vdsr_lib.widgets.compare import Compare, compare
from vdsr_lib.widgets.monitor import LiveMonitor
from vdsr_lib.widgets.pages import inline_widgets, standalone_page

__all__ = [
    "Compare",
    "LiveMonitor",
    "compare",
    "inline_widgets",
    "standalone_page",
]
