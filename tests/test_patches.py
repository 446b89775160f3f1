"""Patches: the paper's counts, each patch against a plain loop, orders that resume."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vdsr_lib.devices import resolve_device
from vdsr_lib.images import degrade, rgb_to_luma
from vdsr_lib.patches import PatchSet, patch_set


def picture(height: int, width: int, seed: int = 0, colour: bool = True) -> np.ndarray:
    """A smooth random picture, so that degrading it is no mere noise."""
    grid = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(grid).resize((width, height), Image.BICUBIC))
    return large if colour else large[..., 0]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def small() -> PatchSet:
    return PatchSet.from_images({"a": picture(50, 40)}, (2, 3), patch_size=9)


def test_patches_equal_a_plain_loop_over_the_picture():
    rgb, side = picture(31, 47), 10
    patches = PatchSet.from_images([rgb], (2, 4), patch_size=side)
    expected_ilr, expected_hr, expected_scales = [], [], []
    for scale in (2, 4):
        luma = rgb_to_luma(rgb)[: 31 // scale * scale, : 47 // scale * scale]
        hr = luma.astype(np.float64) / 255
        ilr = degrade(hr, scale)
        for top in range(0, hr.shape[0] - side + 1, side):
            for left in range(0, hr.shape[1] - side + 1, side):
                where = np.s_[top : top + side, left : left + side]
                expected_hr.append(hr[where])
                expected_ilr.append(ilr[where])
                expected_scales.append(scale)
    assert len(expected_hr) == 3 * 4 + 2 * 4  # 30x46, 28x44
    assert patches.ilr.shape == (20, 1, side, side)
    assert patches.ilr.dtype == patches.hr.dtype == torch.float32
    np.testing.assert_allclose(patches.hr[:, 0], expected_hr, atol=1e-7)
    np.testing.assert_allclose(patches.ilr[:, 0], expected_ilr, atol=1e-6)
    assert patches.scales.tolist() == expected_scales


def test_a_stride_below_the_patch_size_overlaps():
    grey = picture(20, 20, colour=False)
    patches = PatchSet.from_images([grey], (2,), patch_size=8, stride=6)
    assert len(patches) == 3 * 3
    hr = torch.tensor(grey) / 255
    torch.testing.assert_close(patches.hr[4, 0], hr[6:14, 6:14])


def test_a_patch_may_be_a_pixel():
    patches = PatchSet.from_images([picture(5, 6)], (2,), patch_size=1)
    assert len(patches) == 4 * 6
    every = PatchSet.from_images([picture(5, 6)], (2,), patch_size=2, stride=1)
    assert len(every) == 3 * 5


def test_what_is_cropped_to_less_than_a_patch_gives_none():
    """8 pixels, cropped to a multiple of 3, are 6."""
    patches = PatchSet.from_images([picture(8, 8)], (3, 2), patch_size=8, stride=1)
    assert patches.scales.tolist() == [2]


def test_a_picture_smaller_than_the_scale_gives_none():
    """It has room for a patch, and cropped to a multiple of 4 it has no pixel."""
    both = PatchSet.from_images([picture(3, 9), picture(8, 8)], (4,), patch_size=2)
    assert len(both) == 16


def test_pictures_smaller_than_a_patch_give_none_and_the_others_stay_in_order():
    images = {"large": picture(24, 24), "tiny": picture(3, 30), "next": picture(8, 9)}
    patches = PatchSet.from_images(images, (2, 3.5), patch_size=8)
    assert patches.scales.tolist() == [2] * 9 + [3.5] * 9 + [2] + [3.5]
    only_next = PatchSet.from_images([images["next"]], (2, 3.5), patch_size=8)
    torch.testing.assert_close(patches.hr[18:], only_next.hr)


@pytest.mark.datasets
@pytest.mark.slow
def test_the_papers_counts(real_data):
    """7,992 (T91) and 54,192 (291 images): the paper, and the authors' code."""
    t91, bsd = (
        [np.asarray(Image.open(p)) for p in sorted((real_data / name).iterdir())]
        for name in ("t91", "bsd200")
    )
    assert (len(t91), len(bsd)) == (91, 200)
    assert len(PatchSet.from_images(t91)) == 7_992
    everything = PatchSet.from_images([*t91, *bsd])
    assert len(everything) == 54_192
    assert everything.steps_per_epoch(64) == 846
    assert len(PatchSet.from_images(t91[:5], augment=True)) == 8 * len(
        PatchSet.from_images(t91[:5])
    )


def test_the_defaults_are_the_papers():
    """41 x 41, as the receptive field at depth 20; all three scales; nothing turned."""
    patches = PatchSet.from_images([picture(90, 90)])
    assert patches.scales.tolist() == [2] * 4 + [3] * 4 + [4] * 4
    assert patches.patch_size == 41
    assert len(patches) == len(PatchSet(patches.ilr, patches.hr, patches.scales)) == 12


def test_an_epoch_holds_every_example_once(small):
    order = small.order(generator())
    assert sorted(order.tolist()) == list(range(len(small)))
    assert order.tolist() != list(range(len(small)))
    steps = small.steps_per_epoch(7)
    assert steps == len(small) // 7
    assert small.steps_per_epoch(1) == len(small)
    assert small.steps_per_epoch(len(small)) == 1
    drawn = torch.cat([hr for _, hr in small.batches(7, generator())])
    torch.testing.assert_close(drawn, small.hr[order[: 7 * steps]])


def test_pairs_stay_pairs_in_every_orientation(small):
    turning = PatchSet(small.hr, small.hr, small.scales, augment=True)
    for ilr, hr in turning.batches(16, generator()):
        assert torch.equal(ilr, hr)


def test_the_orientations_are_the_eight_of_the_square(small):
    """Against NumPy's rot90 and fliplr, one patch at a time."""
    count = len(small)
    turning = PatchSet(small.ilr, small.hr, small.scales, augment=True)
    assert len(turning) == 8 * count
    which = 3
    examples = torch.arange(8) * count + which
    _, hr = turning.batch(examples)
    plain = small.hr[which, 0].numpy()
    turned = [np.rot90(plain, quarter) for quarter in range(4)]
    expected = [*turned, *(np.fliplr(each) for each in turned)]
    np.testing.assert_array_equal(hr[:, 0].numpy(), np.stack(expected))
    assert len({each.tobytes() for each in expected}) == 8


def test_the_flips_are_the_four_of_the_authors_code(small):
    """Its cases: the picture, `(:,end:-1:1)`, `(end:-1:1,:)` and both."""
    count, which = len(small), 3
    flipped = PatchSet(small.ilr, small.hr, small.scales, augment="flips")
    assert len(flipped) == 4 * count
    assert "x 4 orientations" in repr(flipped)
    _, hr = flipped.batch(torch.arange(4) * count + which)
    plain = small.hr[which, 0].numpy()
    expected = [plain, plain[::-1, ::-1], plain[:, ::-1], plain[::-1]]
    np.testing.assert_array_equal(hr[:, 0].numpy(), np.stack(expected))
    kinds = (False, True, "flips")
    sets = [PatchSet(small.ilr, small.hr, small.scales, each) for each in kinds]
    assert len({each.fingerprint() for each in sets}) == 3


def test_an_unknown_augmentation_is_refused(small):
    with pytest.raises(ValueError, match="augment must be True, False or 'flips', got"):
        PatchSet(small.ilr, small.hr, small.scales, augment="turns")


def test_augmentation_stores_nothing_eight_times(small):
    turning = PatchSet(small.ilr, small.hr, small.scales, augment=True)
    assert turning.ilr.data_ptr() == small.ilr.data_ptr()


def test_an_epoch_goes_on_where_it_was_broken_off(small):
    turning = PatchSet(small.ilr, small.hr, small.scales, augment=True)
    source = generator(3)
    list(turning.batches(5, source))  # an epoch before
    state = source.get_state()
    whole = list(turning.batches(5, source))
    other = torch.Generator()
    other.set_state(state)
    rest = list(turning.batches(5, other, start=4))
    assert len(rest) == len(whole) - 4
    for (ilr, hr), (again_ilr, again_hr) in zip(whole[4:], rest, strict=True):
        assert torch.equal(ilr, again_ilr)
        assert torch.equal(hr, again_hr)


def test_only_the_generator_decides(small):
    torch.manual_seed(1)
    first = small.order(generator(5))
    torch.manual_seed(2)
    assert torch.equal(first, small.order(generator(5)))
    assert not torch.equal(first, small.order(generator(6)))


@pytest.mark.parametrize("size", [0, -1, 10_000])
def test_a_batch_larger_than_the_set_is_refused(small, size):
    with pytest.raises(ValueError, match=f"batch_size must be between 1 .* got {size}"):
        small.steps_per_epoch(size)


def test_the_fingerprint_tells_sets_apart(small):
    same = PatchSet.from_images({"b": picture(50, 40)}, (2, 3), patch_size=9)
    others = [
        PatchSet.from_images([picture(50, 40, seed=1)], (2, 3), patch_size=9),
        PatchSet.from_images([picture(50, 40)], (3, 2), patch_size=9),
        PatchSet.from_images([picture(50, 40)], (2, 3), patch_size=9, augment=True),
        PatchSet(small.ilr.flip(0), small.hr.flip(0), small.scales),
        PatchSet(small.ilr + 2e-7, small.hr, small.scales),
        PatchSet(small.ilr, small.hr + 2e-7, small.scales),
        PatchSet(small.ilr, small.hr, small.scales.flip(0)),
    ]
    assert same.fingerprint() == small.fingerprint()
    assert len({small.fingerprint(), *(each.fingerprint() for each in others)}) == 8


def test_the_fingerprint_sees_every_patch_however_many_are_summed_at_once(
    small, monkeypatch
):
    whole = small.fingerprint()
    monkeypatch.setattr(patch_set, "_CHUNK", 7)  # 40 patches: 5 chunks and a rest
    assert small.fingerprint() == whole
    for place in (0, -1):
        other = small.hr.clone()
        other[place, 0, place, place] += 2e-7
        assert PatchSet(small.ilr, other, small.scales).fingerprint() != whole


def test_a_checkpoint_finds_its_patches_by_the_fingerprint_for_ever():
    """SHA-256 of the shape, and of sums of 64 bits that do not fit into 32."""
    ilr = torch.arange(24.0).view(2, 1, 12).repeat_interleave(12, 1).view(2, 1, 12, 12)
    patches = PatchSet(ilr / 32, (ilr + 1) / 32, torch.tensor([2.0, 3.0]))
    sums = [
        plane.numpy().view("<i4").reshape(2, -1).sum(axis=1, dtype="<i8")
        for plane in (patches.ilr, patches.hr, patches.scales)
    ]
    assert sums[0].min() > 2**31
    content = b"(2, 1, 12, 12) False" + b"".join(each.tobytes() for each in sums)
    assert patches.fingerprint() == hashlib.sha256(content).hexdigest()[:16]


def test_other_devices_get_all_of_it(small):
    turning = PatchSet(small.ilr, small.hr, small.scales, augment=True)
    moved = turning.to("meta")
    tensors = (moved.ilr, moved.hr, moved.scales, moved._maps)
    assert {each.device.type for each in tensors} == {"meta"}
    assert len(moved) == len(turning)


def test_repr_says_what_is_held_and_how_large(small):
    turning = PatchSet(small.ilr, small.hr, small.scales, augment=True)
    assert repr(turning) == (
        "PatchSet(40 patches of 9x9 x 8 orientations, scales 2, 3, 0 MB on cpu)"
    )
    assert turning.to("cpu") is turning
    t91 = torch.zeros(()).expand(7_992, 1, 41, 41)  # takes no memory
    scales = torch.tensor([8.0, 3.0]).repeat(3_996)
    assert repr(PatchSet(t91, t91, scales)) == (
        "PatchSet(7,992 patches of 41x41, scales 3, 8, 107 MB on cpu)"
    )


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ([], {}, "no patch of 41x41 pixels could be cut from 0 pictures"),
        ([picture(20, 20)], {}, "no patch of 41x41 .* from 1 pictures at 3 scales"),
        ([picture(50, 50)], {"scales": ()}, "at 0 scales"),
        ([picture(50, 50)], {"scales": (9,)}, r"scale must be in \[1.1, 8\], got 9"),
        (
            [picture(50, 50)],
            {"patch_size": 0, "stride": 1},
            "patch_size and stride must be at least 1, got 0, 1",
        ),
        ([picture(50, 50)], {"stride": -2}, "must be at least 1, got 41, -2"),
        ({"odd": np.zeros((4, 4, 2), np.uint8)}, {}, "picture odd: "),
    ],
)
def test_wrong_arguments_are_named(images, options, message):
    with pytest.raises(ValueError, match=message):
        PatchSet.from_images(images, **options)


def test_float_pictures_are_refused_by_name():
    with pytest.raises(TypeError, match=r"picture 0: .*uint8.*float64"):
        PatchSet.from_images([np.zeros((50, 50))])


@pytest.mark.parametrize("name", ["t91", Path("t91")])
def test_the_name_of_a_set_is_no_pictures(name):
    with pytest.raises(TypeError, match=r"images must be pictures, .*load_images"):
        PatchSet.from_images(name, (2,))


@pytest.mark.parametrize("colour", [True, False])
def test_one_picture_and_one_scale_alone_are_refused_in_words(colour):
    one = picture(30, 30, colour=colour)
    with pytest.raises(TypeError, match=r"images must be several.*\[picture\]"):
        PatchSet.from_images(one, patch_size=9)
    with pytest.raises(TypeError, match=r"scales must be several.*\(3,\)"):
        PatchSet.from_images([one], 3, patch_size=9)
    assert len(PatchSet.from_images(np.stack([one, one]), [3], patch_size=9)) == 18


def test_a_device_is_named_as_everywhere():
    pictures = [np.zeros((9, 9), np.uint8)]
    made = PatchSet.from_images(pictures, (2,), patch_size=4, device="auto")
    assert made.device.type == resolve_device("auto").type
    with pytest.raises(ValueError, match="device must be auto"):
        PatchSet.from_images([], device="abacus")  # before any picture is looked at


def test_tensors_that_do_not_fit_are_refused(small):
    with pytest.raises(TypeError, match="hr must be float32"):
        PatchSet(small.ilr, small.hr.double(), small.scales)
    with pytest.raises(ValueError, match="hr must hold 40"):
        PatchSet(small.ilr, small.hr[1:], small.scales)
    with pytest.raises(ValueError, match=r"scales must hold one number .* \(40, 1\)"):
        PatchSet(small.ilr, small.hr, small.scales[:, None])
    with pytest.raises(ValueError, match="at least one"):
        PatchSet(small.ilr[:0], small.hr[:0], small.scales[:0])


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
def test_patches_are_the_same_whatever_torchs_default_type_is(small, default):
    torch.set_default_dtype(default)
    try:
        again = PatchSet.from_images({"a": picture(50, 40)}, (2, 3), patch_size=9)
        assert again.fingerprint() == small.fingerprint()
    finally:
        torch.set_default_dtype(torch.float32)
    assert again.scales.dtype == torch.float32


def test_patches_are_the_same_whatever_torchs_default_device_is(small):
    """Nothing holds numbers on "meta": what went there would be lost."""
    with torch.device("meta"):
        again = PatchSet.from_images(
            {"a": picture(50, 40)}, (2, 3), patch_size=9, augment=True
        )
        order = again.order(generator())
        ilr, _ = again.batch(order)
    assert ilr.device.type == again.scales.device.type == "cpu"
    assert torch.equal(again.scales, small.scales)
    assert sorted(order.tolist()) == list(range(len(again)))
