"""The set of patches that a training draws from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch

from vdsr_lib.devices import resolve_device
from vdsr_lib.patches.cutting import Images, cut_patches
from vdsr_lib.patches.orientations import Augmentation, orientation_maps

__all__ = ["PatchSet"]

_CHUNK = 1024  # patches summed at once: torch copies what it sums to a wider type


@dataclass(frozen=True, eq=False, repr=False)
class PatchSet:
    """Low- and high-resolution patches, all scales mixed, ready to be drawn from.

    Parameters
    ----------
    ilr : torch.Tensor
        (N, 1, p, p) float32 in [16/255, 235/255]: patches of the interpolated
        low-resolution luma.
    hr : torch.Tensor
        (N, 1, p, p) float32 in [0, 1]: the same patches of the original luma.
    scales : torch.Tensor
        (N,) float32: the scale by which each patch was degraded.
    augment : bool or "flips"
        True: an epoch holds every patch in all 8 orientations, so ``len()`` is 8 N.
        "flips": in the 4 that need no quarter turn. Nothing is stored several times.

    Raises
    ------
    ValueError
        If the tensors do not have these shapes, or hold no patch, or there is no such
        `augment`.
    TypeError
        If `ilr` or `hr` is not float32.

    Notes
    -----
    Kim et al. 2016, section 3.2: patches as large as the receptive field and
    without overlap; one batch mixes the scales. Usually made by `from_images`.
    """

    ilr: torch.Tensor
    hr: torch.Tensor
    scales: torch.Tensor
    augment: Augmentation = False
    _maps: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        side = self.ilr.shape[-1]
        if self.scales.ndim != 1:
            raise ValueError(
                "scales must hold one number for each patch, (N,), got "
                f"{tuple(self.scales.shape)}"
            )
        for name, plane in (("ilr", self.ilr), ("hr", self.hr)):
            if plane.dtype != torch.float32:
                raise TypeError(f"{name} must be float32, got {plane.dtype}")
            if plane.shape != (len(self.scales), 1, side, side) or plane.numel() == 0:
                raise ValueError(
                    f"{name} must hold {len(self.scales)} (at least one) patches of "
                    f"shape (1, {side}, {side}), got {tuple(plane.shape)}"
                )
        maps = orientation_maps(side, self.augment)  # (orientations, p * p)
        object.__setattr__(self, "_maps", maps.to(self.ilr.device))

    @classmethod
    def from_images(
        cls,
        images: Images,
        scales: Sequence[float] = (2, 3, 4),
        *,
        patch_size: int = 41,
        stride: int | None = None,
        augment: Augmentation = False,
        device: str | torch.device = "cpu",
    ) -> PatchSet:
        """Cut the patches of pictures, each degraded by each scale.

        For each picture and scale: luma, crop at the right and the bottom to a
        multiple of the scale, degrade the whole picture, cut both on one grid from
        the top left corner. Pictures smaller than a patch give none.

        Parameters
        ----------
        images : mapping or sequence of ndarray
            uint8 in [0, 255], colour (H, W, 3) or grey (H, W).
        scales : sequence of float
            Each in [1.1, 8].
        patch_size : int
            Side of a patch; the paper takes the receptive field, 41 at depth 20.
        stride : int, optional
            Step of the grid; `patch_size` if not given, so that no patches overlap.
        augment : bool or "flips"
            Draw every patch in its 8 flips and rotations too, or in its 4 flips: as it
            is, mirrored, upside down, and both.
        device : str or torch.device
            Where the tensors are kept: the device that trains. As for
            `devices.resolve_device`.

        Returns
        -------
        PatchSet
            T91 with the scales 2, 3 and 4 gives the paper's 7,992 patches, T91 and
            BSD200 together 54,192.

        Raises
        ------
        ValueError
            If there are no pictures or scales, a size is below 1, a scale is out of
            range, no picture is as large as a patch, or there is no such device.
        TypeError
            If a picture is not uint8, `images` is one picture or the name of a set or
            folder, or `scales` is a number.
        """
        place = resolve_device(device)
        tensors = cut_patches(
            images,
            scales,
            patch_size=patch_size,
            stride=patch_size if stride is None else stride,
        )
        return cls(*tensors, augment).to(place)

    def __len__(self) -> int:
        """Return how many examples an epoch has: N, or 8 N or 4 N with `augment`."""
        return self.ilr.shape[0] * len(self._maps)

    def __repr__(self) -> str:
        """Return what is held, on which device, and its size in memory."""
        scales = ", ".join(f"{scale:g}" for scale in sorted(set(self.scales.tolist())))
        side, size = (
            self.patch_size,
            2 * self.ilr.numel() * self.ilr.element_size() / 1e6,
        )
        times = f" x {len(self._maps)} orientations" if self.augment else ""
        return (
            f"PatchSet({self.ilr.shape[0]:,} patches of {side}x{side}{times}, "
            f"scales {scales}, {size:.0f} MB on {self.device})"
        )

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return self.ilr.shape[-1]

    @property
    def device(self) -> torch.device:
        """The device that holds the patches."""
        return self.ilr.device

    def to(self, device: str | torch.device) -> PatchSet:
        """Return the same patches on another device (these, if they are there)."""
        if torch.device(device) == self.device:
            return self
        ilr, hr, scales = (t.to(device) for t in (self.ilr, self.hr, self.scales))
        return replace(self, ilr=ilr, hr=hr, scales=scales)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of whole batches in an epoch.

        Parameters
        ----------
        batch_size : int
            Patches in a batch.

        Returns
        -------
        int
            ``len(self) // batch_size``: 124 for T91 and batches of 64. The few
            patches left over differ from epoch to epoch.

        Raises
        ------
        ValueError
            If there is not one whole batch.
        """
        if not 1 <= batch_size <= len(self):
            raise ValueError(
                f"batch_size must be between 1 and the {len(self):,} patches that "
                f"there are, got {batch_size}"
            )
        return len(self) // batch_size

    def order(self, generator: torch.Generator) -> torch.Tensor:
        """Draw the order of an epoch.

        Parameters
        ----------
        generator : torch.Generator
            On the CPU, so that every device sees the same order. It alone decides:
            put its state back and the same order is drawn again.

        Returns
        -------
        torch.Tensor
            (len,) int64 on the patches' device: a permutation of the examples.
        """
        shuffled = torch.randperm(len(self), generator=generator, device="cpu")
        return shuffled.to(self.device)  # (len,)

    def batch(self, examples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the patch pairs of some examples, turned as each example says.

        Parameters
        ----------
        examples : torch.Tensor
            (B,) int64 on the patches' device, in [0, len): part of an `order`.
            Example ``i`` is patch ``i % N`` in orientation ``i // N``.

        Returns
        -------
        ilr, hr : torch.Tensor
            (B, 1, p, p) float32. The device works alone: nothing waits for the host.
        """
        if not self.augment:
            return self.ilr[examples], self.hr[examples]  # (B, 1, p, p) each
        patches = examples % self.ilr.shape[0]  # (B,)
        maps = self._maps[examples // self.ilr.shape[0]]  # (B, p * p)
        ilr, hr = (
            plane[patches].flatten(1).gather(1, maps).view(-1, *plane.shape[1:])
            for plane in (self.ilr, self.hr)
        )
        return ilr, hr  # (B, 1, p, p) each

    def batches(
        self, batch_size: int, generator: torch.Generator, *, start: int = 0
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Draw one epoch in whole batches.

        Parameters
        ----------
        batch_size : int
            Patches in a batch.
        generator : torch.Generator
            Decides the order, as in `order`.
        start : int
            Batches to pass over. With the generator in the state that it had when
            the epoch began, an epoch goes on where it was broken off.

        Yields
        ------
        ilr, hr : torch.Tensor
            (batch_size, 1, p, p) float32.

        Raises
        ------
        ValueError
            If there is not one whole batch.
        """
        steps = self.steps_per_epoch(batch_size)
        order = self.order(generator)
        for step in range(start, steps):
            yield self.batch(order[step * batch_size : (step + 1) * batch_size])

    def fingerprint(self) -> str:
        """Return a short text that differs between different sets of patches.

        Returns
        -------
        str
            16 hexadecimal digits, from the exact sum of the bits of each patch in
            turn: the same on every device. It tells one data set from another, but
            not patches from the same ones turned or mirrored; and it is no protection
            against forgery.
        """
        digest = hashlib.sha256(f"{tuple(self.ilr.shape)} {self.augment}".encode())
        for plane in (self.ilr, self.hr, self.scales[:, None]):
            for start in range(0, len(plane), _CHUNK):
                part = plane[start : start + _CHUNK].contiguous().flatten(1)
                sums = part.view(torch.int32).sum(1, dtype=torch.int64)  # (n,)
                digest.update(sums.cpu().numpy().astype("<i8").tobytes())
        return digest.hexdigest()[:16]
