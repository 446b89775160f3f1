"""The six assignments: solutions earn everything, empty sheets nothing, errors less."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vdsr_lib.suite import assignments

from .conftest import STEMS, Sheet, run

SOURCES = {path.stem[:2]: path for path in assignments.sources()}
NUMBERS = sorted(SOURCES)
Solved = Callable[[str], Sheet]

# Assignment, task, what a student wrote, and what the check must say about it. Among
# them are the errors that people who reproduce VDSR report most.
WRONG: dict[str, tuple[str, str, str, str]] = {
    "full-range luma, with Pillow": (
        "01",
        "luma",
        """
def my_luma(rgb):
    from PIL import Image
    return np.asarray(Image.fromarray(rgb).convert("L"))
""",
        "luma spans 0 to 255 (full range",
    ),
    "a crop from the middle": (
        "01",
        "crop",
        """
def my_crop(picture, scale):
    h, w = (n // scale * scale for n in picture.shape)
    top, left = (picture.shape[0] - h) // 2, (picture.shape[1] - w) // 2
    return picture[top : top + h, left : left + w]
""",
        "the crop is taken from the middle",
    ),
    "no border": (
        "01",
        "psnr",
        """
def my_psnr(reference, estimate, border):
    from skimage.metrics import peak_signal_noise_ratio
    return peak_signal_noise_ratio(reference, estimate)
""",
        "the border is not left out",
    ),
    "uint8 differences": (
        "01",
        "psnr",
        """
def my_psnr(reference, estimate, border):
    height, width = reference.shape
    a = reference[border : height - border, border : width - border]
    b = estimate[border : height - border, border : width - border]
    return 10 * np.log10(255**2 / np.mean((a - b).astype(float) ** 2))
""",
        "uint8 values are subtracted",
    ),
    "a row without antialiasing": (
        "01",
        "bicubic-row",
        """
def my_weight_row(length, scale, i):
    x = cubic((i + 0.5) / scale - 0.5 - np.arange(length))
    return x / x.sum()
""",
        "no antialiasing",
    ),
    "SSIM with scikit-image's defaults": (
        "01",
        "ssim",
        """
def my_ssim(reference, estimate, border):
    inside = np.s_[border:-border, border:-border]
    return structural_similarity(reference[inside], estimate[inside])
""",
        "scikit-image's default, a flat one of 7 x 7",
    ),
    "SSIM with the sample covariance": (
        "01",
        "ssim",
        """
def my_ssim(reference, estimate, border):
    inside = np.s_[border:-border, border:-border]
    return structural_similarity(
        reference[inside], estimate[inside], gaussian_weights=True, sigma=1.5)
""",
        "use_sample_covariance",
    ),
    "floats that were never rounded": (
        "01",
        "bicubic-score",
        """
def my_score(rgb, scale):
    hr = my_crop(my_luma(rgb), scale)
    return my_psnr(hr, 255 * degrade(hr, scale), scale)
""",
        "not rounded to 8 bits",
    ),
    "no biases": (
        "02",
        "vdsr-parameters",
        """
def my_vdsr_parameters(depth, width):
    return 9 * width + (depth - 2) * 9 * width * width + 9 * width
""",
        "the biases are not counted",
    ),
    "no skip": (
        "02",
        "vdsr-forward",
        """
def my_vdsr(layers, ilr):
    x = ilr
    for weight, bias in layers[:-1]:
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
    weight, bias = layers[-1]
    return F.conv2d(x, weight, bias, padding=1)
""",
        "no skip connection",
    ),
    "a ReLU at the end": (
        "02",
        "vdsr-forward",
        """
def my_vdsr(layers, ilr):
    x = ilr
    for weight, bias in layers:
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
    return ilr + x
""",
        "the residual is never negative",
    ),
    "SRCNN padded with zeros": (
        "02",
        "srcnn-forward",
        """
def my_srcnn(layers, ilr):
    a, b, c = layers
    x = F.relu(F.conv2d(ilr, *a, padding=4))
    return F.conv2d(F.relu(F.conv2d(x, *b)), *c, padding=2)
""",
        "filled with zeros",
    ),
    "the target turned around": (
        "03",
        "residual-target",
        "def my_target(ilr, hr):\n    return ilr - hr",
        "the sign is turned around",
    ),
    "a residual clipped to [0, 1]": (
        "03",
        "add-back",
        """
def my_output(ilr, residual):
    levels = (ilr + np.clip(residual, 0, 1)) * 255
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)
""",
        "loses everything negative",
    ),
    "the mean loss": (
        "03",
        "residual-loss",
        """
def my_loss(predicted, ilr, hr):
    return torch.nn.functional.mse_loss(predicted, hr - ilr)
""",
        "averaged over the pixels, too (as MSELoss does)",
    ),
    "the first epoch above": (
        "03",
        "lasting-epoch",
        """
def my_lasting_epoch(psnrs, level):
    for epoch, value in enumerate(psnrs, 1):
        if value > level:
            return epoch
""",
        "although the curve falls back",
    ),
    "the whole kernel": (
        "04",
        "receptive-field",
        """
def my_receptive_field(layers):
    side, jump = 1, 1
    for kernel, stride, dilation in layers:
        side, jump = side + jump * dilation * kernel, jump * stride
    return side
""",
        "the whole kernel is added",
    ),
    "tiles with seams": (
        "04",
        "exact-tiles",
        """
def my_tiles(network, ilr, tile):
    result = torch.empty_like(ilr)
    for i in range(0, ilr.shape[2], tile):
        for j in range(0, ilr.shape[3], tile):
            piece = ilr[:, :, i : i + tile, j : j + tile]
            result[:, :, i : i + tile, j : j + tile] = network(piece)
    return result
""",
        "seams show",
    ),
    "the whole picture at once": (
        "04",
        "exact-tiles",
        "def my_tiles(network, ilr, tile):\n    return network(ilr)",
        "does not fit; at most 16 x 16",
    ),
    "patches without the crop": (
        "04",
        "patch-count",
        """
def my_patch_count(height, width, scale, patch):
    return (height // patch) * (width // patch)
""",
        "not cropped to a multiple of the scale first",
    ),
    "the norm is clipped": (
        "05",
        "adjustable-clip",
        """
def my_clip(gradients, theta, learning_rate):
    carriers = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for carrier, gradient in zip(carriers, gradients):
        carrier.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_(carriers, theta / learning_rate)
    return [carrier.grad for carrier in carriers]
""",
        "that clips the norm, where the paper's rule clips each element",
    ),
    "a fixed theta": (
        "05",
        "adjustable-clip",
        """
def my_clip(gradients, theta, learning_rate):
    return [torch.clamp(g, -theta, theta) for g in gradients]
""",
        "the limit is theta, whatever the rate",
    ),
    "the decay inside the clip": (
        "05",
        "update",
        """
def my_update(weight, gradient, momentum, rate):
    g = (gradient + 1e-4 * weight).clamp(-1e-4 / rate, 1e-4 / rate)
    momentum = 0.9 * momentum + g
    return weight - rate * momentum, momentum
""",
        "the weight decay is added before the clip",
    ),
    "the loop, not repaired": (
        "05",
        "training-loop",
        "my_step = stuck_step",
        "441 times smaller than the paper's, and the network stays at bicubic",
    ),
    "no antialiasing, with torch": (
        "06",
        "network-input",
        """
def my_input(hr, scale):
    small = imresize(hr, 1 / scale, antialias=False)
    return np.clip(imresize(small, shape=hr.shape), 16 / 255, 235 / 255)
""",
        "shrunk without antialiasing",
    ),
    "full range in the clamp": (
        "06",
        "network-input",
        """
def my_input(hr, scale):
    return np.clip(imresize(imresize(hr, 1 / scale), shape=hr.shape), 0, 1)
""",
        "luma ends at 16/255 and 235/255",
    ),
    "the PSNR of the mean error": (
        "06",
        "mean-psnr",
        """
def my_mean_psnr(references, estimates, scale):
    errors = []
    for one, other in zip(references, estimates):
        error = one.astype(float) - other
        errors.append(np.mean(error[scale:-scale, scale:-scale] ** 2))
    return 10 * np.log10(255**2 / np.mean(errors))
""",
        "the tables average the decibels",
    ),
    "the test set decides": (
        "06",
        "chosen-epoch",
        """
def my_choice(validation, test):
    return test.index(max(test)) + 1, max(test)
""",
        "test-set selection",
    ),
}


def cells(number: str, kind: str, **values: Any) -> list[Any]:
    text = assignments.generate(SOURCES[number], kind, values)
    found: list[Any] = json.loads(text)["cells"]
    return found


def test_there_are_six() -> None:
    assert [stem[:2] for stem in STEMS] == ["01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_earns_full_marks(number: str, solved: Solved) -> None:
    sheet = solved(number)
    assert not sheet.errors, {n: str(e) for n, e in sheet.errors.items()}
    assert len(sheet.tests) == 7
    assert sum(sheet.points.values()) >= 20


@pytest.mark.parametrize("number", NUMBERS)
def test_an_empty_sheet_ends_in_nothing_but_not_implemented(number: str) -> None:
    sheet = run(assignments.generate(SOURCES[number]))
    assert {type(error) for error in sheet.errors.values()} == {NotImplementedError}
    assert set(sheet.failed) == set(sheet.tests)


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_loses_marks_with_the_right_message(
    what: str, solved: Solved
) -> None:
    number, task, code, words = WRONG[what]
    message = solved(number).message(task, code)
    assert message.startswith("ExerciseError: ")
    assert words in message


def test_every_assignment_has_three_wrong_answers_at_least() -> None:
    numbers = [number for number, *_ in WRONG.values()]
    assert min(numbers.count(number) for number in NUMBERS) >= 3


def test_a_hidden_test_catches_what_is_fitted_to_the_visible_one(
    solved: Solved,
) -> None:
    fitted = """
known = {(1e-4, 0.1): 1e-3, (1e-4, 0.001): 0.1, (0.01, 0.5): 0.02}
def my_bound(theta, learning_rate):
    return known.get((theta, learning_rate), 1)
"""
    assert solved("05").message("clip-bound", fitted).startswith("AssertionError")
    memory = """
from vdsr_lib.exercises import get_exercise
cases = get_exercise("patch-count").cases()
table = {case.arguments: get_exercise("patch-count").right(*case.arguments)
         for case in cases}
my_patch_count = lambda *given: table.get(given, 1)
"""
    assert solved("04").message("patch-count", memory).startswith("AssertionError")


def test_a_step_in_place_is_right_for_the_hidden_test_as_for_the_visible_one(
    solved: Solved,
) -> None:
    in_place = """
def my_update(weight, gradient, momentum, rate):
    clipped = gradient.clamp(-1e-4 / rate, 1e-4 / rate)
    momentum.mul_(0.9).add_(clipped).add_(weight, alpha=1e-4)
    return weight - rate * momentum, momentum
"""
    assert solved("05").message("update", in_place) == ""


@pytest.mark.parametrize("number", NUMBERS)
def test_a_variant_changes_the_parameters_and_nothing_else(number: str) -> None:
    plain = ["".join(cell["source"]) for cell in cells(number, "student")]
    values = {
        "picture": "chelsea", "scale": 4, "rate": 0.01, "scratch": 9, "theta": 1e-3,
        "patch": 21, "depth": 7, "width": 16,
    }  # fmt: skip
    other = ["".join(cell["source"]) for cell in cells(number, "student", **values)]
    [(before, after)] = [
        pair for pair in zip(plain, other, strict=True) if len({*pair}) > 1
    ]
    names: dict[str, Any] = {}
    exec(after, names)
    assert names.items() >= {k: v for k, v in values.items() if k in before}.items()
    assert before.count("\n") == after.count("\n")


def test_the_answer_to_a_variant_is_another_one(solved: Solved) -> None:
    """A number copied from a neighbour's variant is wrong."""
    sheet = solved("04")
    copied = f"my_scratch = lambda: {sheet.names['my_scratch']()!r}\nscratch = 9"
    assert "a scratch 9 pixels wide" in sheet.message("scratch-depth", copied)
    rightly = "my_scratch = lambda: (5, True)\nscratch = 9"
    assert sheet.message("scratch-depth", rightly) == ""


@pytest.mark.slow
def test_a_kernel_counts_the_same_points() -> None:
    from vdsr_lib.suite.grading import grade

    notebook = json.loads(assignments.generate(SOURCES["02"], "nbgrader"))
    [task] = [
        cell
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "vdsr-forward-code"
    ]
    task["source"] = [WRONG["no skip"][2]]
    marks = grade(json.dumps(notebook))
    lost = [mark for mark in marks if mark.earned < mark.points]
    assert [mark.name for mark in lost] == ["vdsr-forward"]
    assert lost[0].error == "ExerciseError"
    assert "no skip connection" in lost[0].message
    assert sum(mark.earned for mark in marks) == 17


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("import time\ntime.sleep(600)", "CellTimeoutError"),
        ("import os\nos._exit(1)", "DeadKernelError"),
    ],
)
def test_what_a_kernel_did_not_come_to_earns_nothing(cell: str, error: str) -> None:
    """As with --set depth=..., when an assignment's solution takes for ever."""
    from nbformat import v4, writes

    from vdsr_lib.suite.grading import grade

    notebook = v4.new_notebook()
    for number, text in enumerate(["1", cell, "1", ""]):
        facts = {"grade": True, "grade_id": f"test-{number}", "points": 2}
        notebook.cells.append(v4.new_code_cell(text, metadata={"nbgrader": facts}))
    marks = grade(writes(notebook), timeout=15)
    assert [mark.error for mark in marks] == ["", error, error, error]
    assert [mark.earned for mark in marks] == [2, 0, 0, 0]


@pytest.mark.slow
def test_nbgrader_releases_just_what_we_call_the_students_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The independent oracle: nbgrader's own preprocessors on its source notebooks."""
    beside = str(Path(sys.executable).parent)  # where its program alembic is
    monkeypatch.setenv("PATH", beside, prepend=os.pathsep)
    nbgrader_config = pytest.importorskip("traitlets.config")
    api = pytest.importorskip("nbgrader.apps.api")
    for stem in STEMS:
        folder = tmp_path / "source" / stem
        folder.mkdir(parents=True)
        text = assignments.generate(SOURCES[stem[:2]], "nbgrader")
        (folder / f"{stem}.ipynb").write_text(text)
    config = nbgrader_config.Config()
    config.CourseDirectory.root = str(tmp_path)
    course = pytest.importorskip("nbgrader.coursedir").CourseDirectory(config=config)
    teacher = api.NbGraderAPI(course, config=config)
    for stem in STEMS:
        result = teacher.generate_assignment(stem, create=True)
        assert result["success"], result
        released = json.loads(
            (tmp_path / "release" / stem / f"{stem}.ipynb").read_text()
        )
        ours = cells(stem[:2], "student")
        for mine, theirs in zip(ours, released["cells"], strict=True):
            theirs["source"] = "".join(theirs["source"]).rstrip()
            assert "".join(mine["source"]).rstrip() == theirs["source"]
            facts = theirs["metadata"].get("nbgrader", {})
            facts.pop("checksum", None)
            facts.pop("cell_type", None)
            assert mine["metadata"].get("nbgrader", {}) == facts


def test_a_message_of_a_megabyte_does_not_fill_the_screen() -> None:
    from nbformat.v4 import new_code_cell, new_output

    from vdsr_lib.suite.grading import _mark

    error = new_output("error", ename="ValueError", evalue="x" * 10**6, traceback=[])
    mark = _mark(1, new_code_cell("", outputs=[error]), "")
    assert (mark.error, mark.message[:4]) == ("ValueError", "xxxx")
    assert len(mark.message) < 5_000
