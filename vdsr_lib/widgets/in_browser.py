"""Your own picture without a kernel: the page computes in the reader's browser.

The two pages of `own_picture` as they are, and in the kernel's place a module of
JavaScript that does the same work: MATLAB's `imresize`, the paper's luma, and the
networks that ship, by WebGL. The picture does not leave the reader's computer.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache

from vdsr_lib.weights import available_models, weights_file
from vdsr_lib.widgets.content import png_bytes
from vdsr_lib.widgets.own_picture import own_picture
from vdsr_lib.widgets.pages import json_in_script, mount
from vdsr_lib.widgets.pictured import page_source
from vdsr_lib.widgets.samples import sample_pictures
from vdsr_lib.widgets.uploads import Limits

__all__ = ["KERNEL", "browser_body", "network_scripts"]

_PARTS = ("slices", "numbers", "scores", "network", "sizes", "pictures", "kernel")
KERNEL = (
    *("tools.js", "compare_pictures.js"),
    *(f"browser_{part}.js" for part in _PARTS),
)
"""The files that together do a kernel's work, in their order."""
_MOST = 12_500_000  # a phone's photograph has 4032 x 3024, which is 12.2 million
_LIMITS = Limits(pixels=_MOST, result_pixels=_MOST)
_READ = (
    "PNG, JPEG, WebP and what else your browser shows; at most 50 MB, enlarged "
    "12.5 megapixels. The picture stays on your computer."
)
_BEGUN = "Made beforehand; what you change now, your browser computes."


@cache
def browser_body() -> str:
    """Return the part of a page in which a reader enlarges a picture of their own.

    The weights are those of `network_scripts`, in the folder ``networks`` beside it.

    Returns
    -------
    str
        HTML for a page's body, without a reference to anything else outside.
    """
    page = own_picture(scale=3, device="cpu")
    models = page.get_manager_state(widgets=[page, page.comparison])["state"]
    parameters = available_models().set_index("name")["parameters"]
    models[page.model_id]["state"] |= {
        "models": [
            choice | {"weights": int(parameters.get(choice["value"], 0))}
            for choice in page.models
        ],
        "devices": [{"value": "cpu", "label": "this browser", "about": ""}],
        "limits": _LIMITS.as_dict(),
        "limits_text": _READ,
        "status": _BEGUN,
    }
    samples = {
        name: b64encode(png_bytes(picture.pixels)).decode()
        for name, picture in sample_pictures().items()
    }
    widgets = [
        mount(models[widget.model_id], {}, with_host=widget is page)
        for widget in (page, page.comparison)
    ]
    content = {"kernel": page_source(*KERNEL), "samples": samples}
    return (
        "<noscript><p>This needs JavaScript, which is switched off.</p></noscript>\n"
        f'<div class="vdsr-in-browser">\n{"".join(widgets)}\n'
        f'<script type="application/json" class="vdsr-browser">'
        f"{json_in_script(content)}</script>\n"
        f"<script>\n{page_source('browser_page.js')}</script>\n</div>"
    )


def network_scripts() -> dict[str, str]:
    """Return the weights that ship, as scripts that a page can load.

    Returns
    -------
    dict of str to str
        File name -> JavaScript, which holds the weights file as it is, in base64.
    """
    scripts = {}
    for name in available_models()["name"]:
        content = b64encode(weights_file(name).read_bytes()).decode()
        scripts[f"{name}.js"] = (
            f'(window.vdsrWeights ??= {{}})["{name}"]="{content}";\n'
        )
    return scripts
