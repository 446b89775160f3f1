"""Widgets of the lessons: `compare` and the explorers, alive in a static page too.

The state of a widget is in its traits, its drawing in one hand-written JavaScript
file, so that JupyterLab, Voila and a page on disk run the very same code. Each widget
also leaves a static picture in its output, for readers who have none of these.
"""

from vdsr_lib.widgets.clipping_explorer import ClippingExplorer, clipping_explorer
from vdsr_lib.widgets.compare import Compare, compare
from vdsr_lib.widgets.monitor import LiveMonitor
from vdsr_lib.widgets.own_picture import OwnPicture, own_picture
from vdsr_lib.widgets.pages import inline_widgets, standalone_page
from vdsr_lib.widgets.player import epoch_player
from vdsr_lib.widgets.protocol_switchboard import (
    ProtocolSwitchboard,
    protocol_switchboard,
)
from vdsr_lib.widgets.receptive_field import ReceptiveField, receptive_field_explorer

__all__ = [
    "ClippingExplorer",
    "Compare",
    "LiveMonitor",
    "OwnPicture",
    "ProtocolSwitchboard",
    "ReceptiveField",
    "clipping_explorer",
    "compare",
    "epoch_player",
    "inline_widgets",
    "own_picture",
    "protocol_switchboard",
    "receptive_field_explorer",
    "standalone_page",
]
