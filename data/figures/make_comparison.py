"""Draw ``comparison.png``, the picture at the head of the README.

    python data/figures/make_comparison.py [NAME or FILE.safetensors]

By default with the VDSR that ships and is best on its validation pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from vdsr_lib import degrade, figures, load_images, load_model
from vdsr_lib.images import crop_to_multiple, to_luma, to_uint8
from vdsr_lib.inference import super_resolve

SCALE = 3


def main(weights: str) -> None:
    """Super-resolve one embedded picture and save the comparison beside this file."""
    figures.use_style()
    hr = crop_to_multiple(to_luma(load_images("embedded-test")["astronaut"]), SCALE)
    ilr = degrade(hr, SCALE)  # (H, W)
    network = load_model(weights)
    luma = super_resolve(network, torch.from_numpy(ilr)[None, None])[0, 0]  # (H, W)
    shown = {
        "original": hr,
        "bicubic": to_uint8(ilr),
        f"VDSR, depth {network.depth}": to_uint8(luma.clamp(0, 1).numpy()),
    }
    figure = figures.comparison(shown, "original", crops=2, border=SCALE)
    target = Path(__file__).with_name("comparison.png")
    figure.savefig(target, dpi=110, pil_kwargs={"optimize": True})
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "vdsr")
