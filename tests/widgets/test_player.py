"""The epoch player: frames of a training become a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from vdsr_lib.experiments import Frames
from vdsr_lib.widgets.content import decoded
from vdsr_lib.widgets.player import epoch_player


def taken(steps, start=0, reference=None):
    """Frames whose grey tells the step."""
    pictures = np.stack([np.full((16, 16), start + s, np.uint8) for s in steps])
    true = np.full((16, 16), 99, np.uint8) if reference is None else reference
    return Frames(tuple(steps), pictures, true, np.full((16, 16), 50, np.uint8))


def shown(player, name, frame):
    """The grey of a picture at a frame."""
    series = player.series[player.names.index(name)]
    return int(decoded(player.pixels[series[min(frame, len(series) - 1)]])[0, 0])


def test_it_shows_truth_input_and_each_network_at_each_step():
    frames = {"residual": taken([0, 5, 9]), "non-residual": taken([0, 5, 9], 100)}
    curves = {"residual": ([0, 5, 9], [30.0, 31.0, 32.0])}
    player = epoch_player(frames, curves=curves, curve_label="PSNR (dB)")
    assert player.names == ["original", "bicubic", "residual", "non-residual"]
    assert player.reference == "original"
    assert (player.left, player.right) == ("non-residual", "residual")
    assert player.frame_labels == ["0", "5", "9"]
    assert [shown(player, "residual", i) for i in range(3)] == [0, 5, 9]
    assert [shown(player, "non-residual", i) for i in range(3)] == [100, 105, 109]
    assert shown(player, "bicubic", 2) == 50
    assert player.curves == [
        {"name": "residual", "x": [0, 5, 9], "y": [30.0, 31.0, 32.0]}
    ]


def test_only_common_steps_are_shown():
    frames = {"a": taken([0, 5, 9]), "b": taken([0, 9, 12], 100)}
    player = epoch_player(frames)
    assert player.frame_labels == ["0", "9"]
    assert [shown(player, "a", i) for i in range(2)] == [0, 9]
    assert [shown(player, "b", i) for i in range(2)] == [100, 109]


def test_one_network_is_held_against_bicubic():
    player = epoch_player({"net": taken([0, 4])}, frame=1)
    assert (player.left, player.right, player.frame) == ("bicubic", "net", 1)


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ({}, "no frames to play"),
        ({"a": taken([0]), "b": taken([1])}, "a, b have no step in common"),
        (
            {"a": taken([0]), "b": taken([0], reference=np.zeros((16, 16), np.uint8))},
            "b watched another detail than a",
        ),
    ],
)
def test_frames_that_do_not_go_together_are_refused(frames, says):
    with pytest.raises(ValueError, match=says):
        epoch_player(frames)
