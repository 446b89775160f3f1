"""What the output of every widget must carry."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="session")
def carries_a_picture_with_words() -> Callable[[Any], None]:
    """Check a widget's output: itself, its text, and a picture that fits its words."""

    def check(widget: Any) -> None:
        data, metadata = widget._repr_mimebundle_()
        assert data[WIDGET]["model_id"] == widget.model_id
        assert data["text/plain"] == repr(widget)
        facts = metadata["image/png"]
        assert facts["alt"] == widget.description
        picture = Image.open(BytesIO(b64decode(data["image/png"])))
        nominal = facts["width"], facts["height"]
        assert picture.size == pytest.approx([2 * side for side in nominal], abs=2)
        assert facts["width"] <= 880
        assert np.asarray(picture.convert("L")).std() > 5  # something is drawn
        json.dumps([data, metadata])

    return check
