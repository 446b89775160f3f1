"""What the browser tests look with, held against a page with the mistakes it finds."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

PAGE = """<div class="vdsr-widget">
<p style="color: #999">pale</p><p style="color: #555">dark</p>
<button style="outline: none">bare</button><button>ringed</button>
</div>"""


def test_pale_text_and_a_hidden_focus_are_found(visit):
    opened = visit()
    opened.page.set_content(PAGE)
    assert opened.page.evaluate("tooPale()") == ["pale 2.85"]
    assert opened.tab_stops() == {"bare": False, "ringed": True}
