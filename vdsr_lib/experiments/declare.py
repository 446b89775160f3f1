"""What an experiment is: a list of training runs, each declared as plain data.

Nothing here trains. A `Run` says which network is trained by which recipe on which
pictures; its `Run.key` is a hash of all that determines the result, so that a run
which exists already is found again, in whichever experiment it stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from vdsr_lib.datasets import identify
from vdsr_lib.patches import Augmentation
from vdsr_lib.training import TrainingConfig

__all__ = [
    "PROFILES",
    "RECIPE",
    "TABLE",
    "Experiment",
    "Factor",
    "Pictures",
    "Run",
    "Watch",
]

PROFILES = ("quick", "classroom", "paper")
"""The sizes at which every experiment is declared."""

RECIPE = 1
"""Part of every key: raised when the library's own arithmetic changes results by more
than rounding, so that runs made before are not taken for runs of today."""

Factor: TypeAlias = str | int | float | bool

TABLE = ("run", "dataset", "scale", "psnr", "ssim", "bicubic", "outcome", "seconds")
"""The columns of an experiment's table, beside the factors of its runs."""

T = TypeVar("T")


@dataclass(frozen=True)
class Pictures:
    """A set of pictures and the scales at which it is measured.

    Parameters
    ----------
    dataset : str
        A name that `vdsr_lib.load_images` knows, or the path of a folder of pictures.
    scales : tuple of float
        Each in [1.1, 8].
    crop : int or None
        Measure the square of this side, in pixels, in the middle of each picture, so
        that a validation takes a fraction of a second; None takes all of it, as the
        paper does.
    count : int or None
        Measure this many pictures, evenly spread over the set; None takes all.

    Raises
    ------
    ValueError
        If there is no scale, or `crop` or `count` is below 1.
    """

    dataset: str
    scales: tuple[float, ...] = (2, 3, 4)
    crop: int | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if not self.scales:
            raise ValueError(f"scales of {self.dataset} must not be empty")
        if self.crop is not None and self.crop < 1:
            raise ValueError(f"crop must be at least 1 pixel or None, got {self.crop}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be at least 1 or None, got {self.count}")

    def chosen(self, pictures: Sequence[T]) -> list[T]:
        """Return those of a set's pictures, or of their names or sizes, to measure.

        Parameters
        ----------
        pictures : sequence
            All of the set, in its order.

        Returns
        -------
        list
            `count` of them, evenly spread; all where there are no more.
        """
        total = len(pictures)
        count = min(self.count or total, total)
        return [pictures[place * total // count] for place in range(count)]


@dataclass(frozen=True)
class Watch:
    """A detail of one picture that is kept at every validation, to be looked at.

    Parameters
    ----------
    dataset, picture : str
        A data set, and the name of one picture in it.
    scale : float
        In [1.1, 8].
    box : tuple of int
        Top, left, height and width of the detail, in pixels of the picture.
    """

    dataset: str
    picture: str
    scale: float
    box: tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run, with all that determines its result but the seed.

    Parameters
    ----------
    name : str
        Its name within the experiment; not part of its `key`.
    architecture : mapping
        What ``models.build`` takes, for example ``VDSR(10).architecture``.
    training : TrainingConfig
        The recipe. Its own ``seed`` is replaced when the run is made.
    train_on : tuple of str
        Data sets or folders whose pictures are cut into patches, in this order.
    scales : tuple of float
        Each picture is degraded by each of these.
    patch_size : int
        Side of a patch in pixels; the paper takes the receptive field.
    stride : int or None
        Step between patches; None lets them touch without overlap, as the paper does.
    augment : bool or "flips"
        Whether an epoch holds every patch in its 8 flips and rotations, or in its 4
        flips.
    validate : Pictures
        Measured before the first step and at each validation. It steers nothing: the
        last weights are the result, never those that did best on these pictures.
    watch : Watch or None
        A detail to keep at each validation.
    test : tuple of Pictures
        Measured at the end; not part of the key, since no training depends on it.
    repeat : int
        Added to the experiment's seed: 0, 1, 2 for three runs that differ by chance.
    factors : mapping
        The columns that tell this run from the others in the result's table; not one
        of `TABLE`, which has them already.

    Raises
    ------
    TypeError
        If `train_on` is one name and no tuple.
    ValueError
        If a factor has the name of another column.
    """

    name: str
    architecture: Mapping[str, Any]
    training: TrainingConfig
    train_on: tuple[str, ...]
    scales: tuple[float, ...]
    patch_size: int
    stride: int | None = None
    augment: Augmentation = False
    validate: Pictures
    watch: Watch | None = None
    test: tuple[Pictures, ...] = ()
    repeat: int = 0
    factors: Mapping[str, Factor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named: object = self.train_on
        if isinstance(named, str):
            raise TypeError(
                f"train_on must be a tuple of data sets: write ({named!r},)"
            )
        for factor in self.factors:
            if factor in TABLE:
                raise ValueError(
                    f"the factor {factor!r} of {self.name!r} is a column of every "
                    "table: choose another name"
                )

    def recipe(self, seed: int = 0) -> TrainingConfig:
        """Return the run's training configuration with its seed put in.

        Parameters
        ----------
        seed : int
            The experiment's seed, 0 or above; `repeat` is added.

        Returns
        -------
        TrainingConfig

        Raises
        ------
        ValueError
            If the sum is below 0 or above 2**63 - 1.
        """
        return replace(self.training, seed=seed + self.repeat)

    def declaration(self, seed: int = 0) -> dict[str, Any]:
        """Return everything that determines the run's result, JSON-ready.

        Parameters
        ----------
        seed : int
            As in `recipe`.

        Returns
        -------
        dict
            Neither the run's name nor its test pictures; neither device nor precision,
            which change the result by rounding alone and are kept as provenance. A
            folder of pictures counts by what is in it.
        """
        return {
            "recipe": RECIPE,
            "architecture": dict(self.architecture),
            "training": self.recipe(seed).to_dict(),
            "train_on": [identify(each) for each in self.train_on],
            "scales": [float(scale) for scale in self.scales],
            "patch_size": self.patch_size,
            "stride": self.stride or self.patch_size,
            "augment": self.augment,
            "validate": _plain(self.validate),
            "watch": _plain(self.watch) if self.watch else None,
        }

    def key(self, seed: int = 0) -> str:
        """Return the hash of the declaration: the run's name in a store.

        Parameters
        ----------
        seed : int
            As in `recipe`.

        Returns
        -------
        str
            16 hexadecimal digits, the same in every process and on every machine that
            has the same pictures.
        """
        text = json.dumps(self.declaration(seed), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Experiment:
    """A question to networks, as the runs that answer it at three sizes.

    Parameters
    ----------
    name : str
        What `run_experiment` takes.
    title : str
        What is compared, in one line.
    source : str
        Where in the paper (or elsewhere) it stands.
    sizes : mapping of str to tuple of Run
        The runs at each profile.

    Raises
    ------
    ValueError
        If a profile is missing or has no run, or two runs share a name or a key.
    """

    name: str
    title: str
    source: str
    sizes: Mapping[str, tuple[Run, ...]]

    def __post_init__(self) -> None:
        for profile in PROFILES:
            runs = self.sizes.get(profile, ())
            if not runs:
                raise ValueError(f"experiment {self.name!r} has no run at {profile!r}")
            if len({run.name for run in runs}) < len(runs):
                raise ValueError(f"{self.name!r} at {profile!r}: two runs share a name")
            if len({run.key() for run in runs}) < len(runs):
                raise ValueError(f"{self.name!r} at {profile!r}: two runs are the same")

    def runs(self, profile: str) -> tuple[Run, ...]:
        """Return the runs of one size.

        Parameters
        ----------
        profile : {"quick", "classroom", "paper"}

        Returns
        -------
        tuple of Run

        Raises
        ------
        ValueError
            If there is no such profile.
        """
        if profile not in PROFILES:
            allowed = ", ".join(PROFILES)
            raise ValueError(f"profile must be one of {allowed}, got {profile!r}")
        return self.sizes[profile]


def _plain(pictures: Pictures | Watch) -> dict[str, Any]:
    """Return a dataclass as JSON would give it back: lists, and scales as floats."""
    values = asdict(pictures) | {"dataset": identify(pictures.dataset)}
    for name, value in values.items():
        if name in ("scale", "scales"):
            values[name] = (
                [float(v) for v in value] if name == "scales" else float(value)
            )
        elif isinstance(value, tuple):
            values[name] = list(value)
    return values
