"""Bicubic, SRCNN and VDSR, ready to be held against one another.

Where full-scale weights of both networks ship that learnt from the same pictures, they
compete; else small ones that are trained on the spot. Either way it is said which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from vdsr_lib.evaluation import evaluate
from vdsr_lib.experiments.diverged import trained_networks
from vdsr_lib.experiments.running import run_experiment
from vdsr_lib.images import to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.weights import available_models, network_on

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


__all__ = ["Contenders", "contenders"]

_SCALES = (2, 3, 4)
_SHIPPED = {
    "SRCNN": {scale: f"srcnn-915-x{scale}" for scale in _SCALES},
    "VDSR": dict.fromkeys(_SCALES, "vdsr-t91"),
}
"""Both from T91: more pictures would help whoever has them, not the better network."""


@dataclass(frozen=True)
class Contenders:
    """Methods by name, each with its network at each scale; bicubic has none.

    Parameters
    ----------
    networks : mapping of str to (mapping of float to torch.nn.Module or None)
        Method -> scale -> network.
    origin : str
        Where the networks come from, in one line.
    names : tuple of str
        Of the shipped weights among them, as `load_model` takes them.
    """

    networks: Mapping[str, Mapping[float, nn.Module | None]]
    origin: str
    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Contenders({', '.join(self.networks)})  # {self.origin}"

    def measure(
        self,
        images: Mapping[str, NDArray[np.uint8]],
        scales: Iterable[float] = _SCALES,
        *,
        device: str | torch.device = "auto",
    ) -> pd.DataFrame:
        """Measure every method on every picture under the paper's protocol.

        Parameters
        ----------
        images : mapping of str to array
            uint8 in [0, 255], (H, W, 3) or (H, W).
        scales : iterable of float
            Of those that the networks have.
        device : str or torch.device
            As for `vdsr_lib.devices.resolve_device`.

        Returns
        -------
        pandas.DataFrame
            What `evaluate` returns, with the column ``method`` in front.

        Raises
        ------
        ValueError
            If a picture is too small, or there is no such device.
        """
        import pandas as pd

        scales = list(scales)
        parts = []
        for method, networks in self.networks.items():
            for scale in scales:
                model = networks[scale] or "bicubic"
                part = evaluate(model, images, (scale,), device=device)
                part.insert(0, "method", method)
                parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def render(
        self, ilr: NDArray[np.floating], scale: float
    ) -> dict[str, NDArray[np.uint8]]:
        """Return what each method makes of one interpolated picture.

        Parameters
        ----------
        ilr : (H, W) array of float
            Luma in [0, 1], as `vdsr_lib.degrade` gives it.
        scale : float
            At which it was degraded.

        Returns
        -------
        dict of str to (H, W) array of uint8
            What a network gives as NaN is black.
        """
        batch = torch.tensor(ilr, dtype=torch.float32)[None, None]  # (1, 1, H, W)
        pictures = {}
        for method, networks in self.networks.items():
            network = networks[scale]
            luma = batch if network is None else super_resolve(network, batch)
            shown = luma[0, 0].nan_to_num().clamp(0, 1)  # (H, W)
            pictures[method] = to_uint8(shown.cpu().numpy())
        return pictures


def contenders(
    profile: str = "quick",
    *,
    vdsr: nn.Module,
    device: str | torch.device = "auto",
    seed: int = 0,
) -> Contenders:
    """Return bicubic, SRCNN and VDSR: those that ship, or small ones, or one's own.

    Parameters
    ----------
    profile : {"quick", "classroom", "paper"}
        The size of what is trained where weights are missing. At `paper` shipped
        weights are passed over: what counts is what this machine has trained.
    vdsr : torch.nn.Module
        The network to take where weights are missing or passed over.
    device : str or torch.device
        As for `run_experiment`.
    seed : int
        Of the SRCNN that are trained then.

    Returns
    -------
    Contenders
        SRCNN is 9-1-5, one network for each of the scales 2, 3 and 4. One that is
        trained here and diverges is told, and has NaN for its weights.

    Raises
    ------
    ValueError
        If there is no such profile or device.
    WeightsError
        If a shipped file is damaged.
    """
    bicubic: dict[str, Mapping[float, nn.Module | None]] = {
        "bicubic": dict.fromkeys(_SCALES)
    }
    names = tuple(dict.fromkeys(n for each in _SHIPPED.values() for n in each.values()))
    if profile != "paper" and set(names) <= set(available_models().name):
        loaded = {name: network_on(name, device) for name in names}
        found: dict[str, Mapping[float, nn.Module | None]] = {
            method: {scale: loaded[name] for scale, name in chosen.items()}
            for method, chosen in _SHIPPED.items()
        }
        return Contenders(bicubic | found, f"full scale: {', '.join(names)}", names)
    result = run_experiment(
        "srcnn", profile, only="SRCNN 9-1-5*", device=device, seed=seed
    )
    trained = trained_networks(result)
    small: dict[float, nn.Module | None] = {
        scale: trained[f"SRCNN 9-1-5, x{scale}"] for scale in _SCALES
    }
    made: dict[str, Mapping[float, nn.Module | None]] = {
        "SRCNN": small,
        "VDSR": dict.fromkeys(_SCALES, vdsr),
    }
    return Contenders(bicubic | made, f"trained here, profile {profile}")
