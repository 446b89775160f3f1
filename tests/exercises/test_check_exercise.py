"""The self-check: every exercise, every usual mistake, every word it says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import vdsr_lib
from vdsr_lib.exercises import (
    Case,
    Exercise,
    ExerciseError,
    check_exercise,
    checking,
    exercise_names,
    get_exercise,
)
from vdsr_lib.exercises.comparing import agree, in_words

GIVEN: dict[str, tuple[Any, ...]] = {
    "measured-score": ("camera", 3),
    "counted-by-hand": (12, 32),
    "curve-reading": (0.1,),
    "scratch-depth": (17,),
    "three-numbers": (1e-4, 0.1, 41),
    "largest-gain": (2,),
}


@pytest.mark.parametrize("name", exercise_names())
def test_the_right_function_passes_and_each_mistake_is_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exercise, given = get_exercise(name), GIVEN.get(name, ())
    check_exercise(name, exercise.right, given=given)
    count = len(list(exercise.cases(*given)))
    every = "the one case" if count == 1 else f"all {count} cases"
    assert capsys.readouterr().out == f"{name}: right in {every}.\n"
    for cause, mistaken in exercise.mistakes.items():
        with pytest.raises(ExerciseError) as caught:
            check_exercise(name, mistaken, given=given)
        assert f"This is what comes out when {cause}." in str(caught.value)


@pytest.mark.parametrize("name", exercise_names())
def test_each_exercise_has_three_hints_and_each_says_something_else(name: str) -> None:
    hints = get_exercise(name).hints
    assert len(set(hints)) == 3
    assert all(len(hint) > 8 for hint in hints)


def test_a_failing_case_is_told_in_words() -> None:
    def my_psnr(reference: Any, estimate: Any, border: int) -> float:
        error = reference.astype(float) - estimate
        return float(10 * np.log10(255**2 / np.mean(error**2)))

    with pytest.raises(ExerciseError) as caught:
        check_exercise("psnr", my_psnr)
    lines = str(caught.value).split("\n")
    assert lines[0] == "psnr: not yet; 3 of 5 cases are right. The first that is not:"
    assert lines[1].startswith("  given     100 everywhere, and 105 with a frame of 3")
    assert lines[2] == "  expected  34.1514"  # 20 log10(255 / 5)
    assert lines[3].startswith("  got  ")
    assert lines[4] == "This is what comes out when the border is not left out."
    assert lines[5] == 'For a hint: check_exercise("psnr", my_psnr, hint=1)'


def test_a_hint_comes_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    def my_bound(theta: float, learning_rate: float) -> float:
        return theta

    hints = get_exercise("clip-bound").hints
    for number in range(4):
        with pytest.raises(ExerciseError) as caught:
            check_exercise("clip-bound", my_bound, hint=number)
        said = capsys.readouterr().out
        words = " ".join((said + str(caught.value)).split())
        shown = [hint for hint in hints if hint in words]
        assert shown == list(hints[number - 1 : number] if number else ())
        if number < 3:
            assert f"my_bound, hint={number + 1})" in str(caught.value)
    assert "no further hint" in str(caught.value)
    for beyond in (-1, 4):
        with pytest.raises(
            ValueError, match=f"has the hints 1 to 3, got hint={beyond}"
        ):
            check_exercise("clip-bound", my_bound, hint=beyond)
    for other in (True, "2", 1.0):
        with pytest.raises(TypeError, match="hint must be a number from 1 to 3, got "):
            check_exercise("clip-bound", my_bound, hint=other)  # type: ignore[arg-type]


def test_what_is_not_written_yet_raises_not_implemented() -> None:
    def my_crop(picture: Any, scale: int) -> Any:
        raise NotImplementedError

    with pytest.raises(NotImplementedError, match="my_crop is not written") as caught:
        check_exercise("crop", my_crop)
    [first, _] = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert first.startswith("my_crop is not written yet: ")
    assert len(first) < 80


def test_a_function_without_a_name_is_not_called_by_one() -> None:
    """`<lambda>` in the call that gives a hint would be no Python."""
    offered = r'For a hint: check_exercise\("clip-bound", my_function, hint=1\)'
    with pytest.raises(ExerciseError, match=offered):
        check_exercise("clip-bound", lambda theta, learning_rate: theta)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda theta, learning_rate: None, "None: the function ends without return"),
        (lambda theta, learning_rate: 1 / 0, "it raised ZeroDivisionError: division"),
        (lambda theta: theta, "it raised TypeError: "),
        (lambda theta, learning_rate: "x", "'x'"),
        (lambda theta, learning_rate: math.nan, "nan"),
    ],
)
def test_strange_answers_are_described(answer: Any, words: str) -> None:
    with pytest.raises(ExerciseError) as caught:
        check_exercise("clip-bound", answer)
    assert f"  got       {words}" in str(caught.value)


def test_misuse_is_a_plain_sentence() -> None:
    with pytest.raises(ValueError, match="no exercise 'pnsr': did you mean 'psnr'"):
        check_exercise("pnsr", len)
    with pytest.raises(TypeError, match="without parentheses after it; got float"):
        check_exercise("psnr", 34.0)  # type: ignore[arg-type]
    assert vdsr_lib.check_exercise is check_exercise


def test_an_answer_that_changes_its_arguments_harms_nobody() -> None:
    def my_bound(gradients: Any, theta: float, learning_rate: float) -> Any:
        for gradient in gradients:
            gradient.clamp_(-theta / learning_rate, theta / learning_rate)
        return gradients

    check_exercise("adjustable-clip", my_bound)


def test_a_step_that_changes_its_patches_harms_nobody_after_it() -> None:
    from vdsr_lib.exercises.stepping import bicubic_error, practice_patches

    def subtracts_in_place(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
        hr.sub_(ilr)

    before = bicubic_error(practice_patches())
    with pytest.raises(ExerciseError):
        check_exercise("training-loop", subtracts_in_place)
    assert bicubic_error(practice_patches()) == before


def test_a_count_that_is_off_by_one_is_wrong() -> None:
    check_exercise("counted-by-hand", lambda: (665_921, 41), given=(20, 64))
    with pytest.raises(ExerciseError, match=r"got       \(665920, 41\)"):
        check_exercise("counted-by-hand", lambda: (665_920, 41), given=(20, 64))
    with pytest.raises(ExerciseError, match="not yet"):  # a float is off, too
        check_exercise("counted-by-hand", lambda: (665_920.0, 41), given=(20, 64))


def test_the_error_shows_its_text_alone_in_a_notebook() -> None:
    assert ExerciseError("a\nb")._render_traceback_() == ["a", "b"]
    given = "  given     " + "ten words that are " * 6
    shown = ExerciseError(given)._render_traceback_()
    assert all(len(line) < 80 for line in shown)
    assert shown[1].startswith(" " * 12 + "t")
    assert issubclass(ExerciseError, AssertionError)


def test_a_mistake_that_explains_all_cases_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exercise = Exercise(
        right=lambda x: x * x,
        cases=lambda: [Case("2", (2,)), Case("3", (3,))],
        mistakes={"constant": lambda x: 5, "plus": lambda x: x + 3},
        hints=("think",),
    )
    monkeypatch.setattr(checking, "get_exercise", lambda name: exercise)
    with pytest.raises(ExerciseError, match="comes out when plus"):
        check_exercise("square", lambda x: x + 3)
    with pytest.raises(ExerciseError, match="comes out when constant"):
        check_exercise("square", lambda x: x + 3 if x == 2 else 0)
    with pytest.raises(ExerciseError) as caught:
        check_exercise("square", lambda x: -1)
    assert "comes out" not in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (1.0, 1.0 + 1e-9, True),
        (1.0, 1.1, False),
        (41, 41.0, True),
        (10**9, 10**9 + 1, False),  # whole numbers are counted, not measured
        (True, 1, False),
        (1.0, True, False),
        ((20, 40), [20, 40], True),
        ((20, 40), (20, 40, 60), False),
        ({"a": 1.0}, {"a": 1.0}, True),
        ({"a": 1.0}, {"b": 1.0}, False),
        (np.zeros((2, 3)), torch.zeros(2, 3), True),
        (np.zeros((2, 3)), np.zeros((3, 2)), False),
        (np.zeros(2, np.uint8), np.zeros(2), False),
        (np.zeros(2), torch.zeros(2, requires_grad=True), True),
        (np.zeros(2), [0.0, 0.0], False),
        (2.0, torch.tensor(2.0), True),
        ("Set5", "Set5", True),
        ("Set5", "Set14", False),
        (1.0, None, False),
        (1.0, math.nan, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, 1e9, False),
        (0.0, 9e-7, True),  # the tolerance is 1e-6: of 1 below 1, of the number above
        (0.0, 2e-6, False),
        (1e6, 1e6 + 0.9, True),
        (1e6, 1e6 - 1.1, False),
        (1, True, False),
        (True, np.bool_(True), True),
        ((20, 40), (20, 60), False),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, True),
        ({"a": 1.0}, ["a"], False),
        ({"a": 1.0}, {"a": 1.1}, False),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}, False),
        (np.zeros(2, np.uint8), np.zeros(2, np.int64), False),
        (np.zeros(2, np.uint8), np.array([0, 1], np.uint8), False),
        (np.zeros(2), np.array([0.0, 2e-6]), False),
        (np.array([0.0, 1e6]), np.array([9e-7, 1e6 + 0.9]), True),
        (np.array([0.0, 1e6]), np.array([0.0, 1e6 - 1.1]), False),
    ],
)
def test_what_counts_as_the_same(expected: Any, got: Any, same: bool) -> None:
    assert agree(expected, got, 1e-6) is same


def test_large_arrays_are_told_apart_by_their_first_pixel() -> None:
    one, other = np.zeros((5, 6)), np.zeros((5, 6))
    other[0, 1], other[2, 3] = 1e-7, 7  # the first is within the tolerance
    assert in_words(one, other, 1e-6) == ("0 at [2, 3]", "7 there")
    assert in_words(one, one.astype(np.uint8), 1e-6) == (
        "0 (float64) at [0, 0]",
        "0 (uint8) there",
    )
    assert in_words(one, one[1:], 1e-6)[1] == "an array of 4 x 6, float64"
    assert in_words(one, one > 0, 1e-6)[1] == "an array of 5 x 6, bool"


def test_the_first_twelve_of_many_numbers_are_written_out() -> None:
    numbers = tuple(range(13))
    twelve = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    assert in_words(numbers, list(numbers), 0) == (
        f"({twelve}, ...)",
        f"[{twelve}, ...]",
    )
    expected, got = in_words(np.arange(12), np.arange(13), 0)
    assert expected == f"an array of 12, int64: {twelve}"
    assert got == "an array of 13, int64"


def test_the_step_is_that_of_torch_with_a_clip_before_it() -> None:
    """torch.optim.SGD adds the decay to the gradient it finds: the clipped one."""
    weight = torch.tensor([3.0, -2.0, 0.5], requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.1, momentum=0.9, weight_decay=1e-4)
    mine, speed = weight.detach().clone(), torch.zeros(3)
    for gradient in (torch.tensor([5.0, -1e-4, 2e-3]), torch.tensor([-1.0, 1.0, 0.0])):
        weight.grad = gradient.clamp(-1e-3, 1e-3)
        optimiser.step()
        mine, speed = get_exercise("update").right(mine, gradient, speed, 0.1)
        torch.testing.assert_close(mine, weight.detach())


def test_the_loop_to_repair_stays_at_bicubic_and_its_repair_does_not() -> None:
    from vdsr_lib.exercises.stepping import error_curve

    exercise = get_exercise("training-loop")
    averaged = next(m for c, m in exercise.mistakes.items() if "averaged" in c)
    assert 0.97 < error_curve(averaged, steps=16)[-1] < 1.03
    assert error_curve(exercise.right, steps=16)[-1] < 0.96


@pytest.mark.parametrize(
    ("momentum", "named"),
    [
        ("none", "momentum adds nothing"),
        ("lost", "momentum adds nothing"),
        ("clipped", "the momentum is clipped instead"),
        ("all of it", ""),
    ],
)
def test_a_loop_with_another_momentum_is_not_the_papers(
    momentum: str, named: str
) -> None:
    def my_step(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
        weights = list(network.parameters())
        loss = (network(ilr) - hr).square().sum() / len(hr)
        slopes = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, slope, speed in zip(weights, slopes, velocity, strict=True):
                push = slope.clamp(-1e-3, 1e-3)
                if momentum == "none":
                    speed.copy_(push)
                elif momentum == "clipped":
                    speed.mul_(0.9).add_(slope).clamp_(-1e-3, 1e-3)
                elif momentum == "all of it":
                    speed.add_(push)
                moved = 0.9 * speed + push if momentum == "lost" else speed
                weight.sub_(0.1 * moved)

    with pytest.raises(ExerciseError, match="training-loop: not yet") as caught:
        check_exercise("training-loop", my_step)
    assert named in str(caught.value)
    assert ("This is what comes out when" in str(caught.value)) is bool(named)


@pytest.mark.parametrize("zero", [True, False])
def test_gradients_that_are_kept_from_step_to_step_are_not_the_papers(
    zero: bool,
) -> None:
    """In a few steps the clip hides it; later the error rises above bicubic's."""

    def my_step(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
        if zero:
            network.zero_grad()
        ((network(ilr) - hr).square().sum() / len(hr)).backward()
        with torch.no_grad():
            for weight, speed in zip(network.parameters(), velocity, strict=True):
                speed.mul_(0.9).add_(weight.grad.clamp(-1e-3, 1e-3))
                weight.sub_(0.1 * speed)

    if zero:
        check_exercise("training-loop", my_step)
    else:
        with pytest.raises(ExerciseError, match="unless zero_grad"):
            check_exercise("training-loop", my_step)


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_a_short_integer_is_no_float(kind: Any) -> None:
    """255 is -1 in int8, and the square of 200 is no number of int16."""

    def my_psnr(reference: Any, estimate: Any, border: int) -> float:
        height, width = reference.shape
        inside = np.s_[border : height - border, border : width - border]
        error = reference[inside].astype(kind) - estimate[inside].astype(kind)
        square = error**2 if kind is np.int16 else error.astype(float) ** 2
        return float(10 * np.log10(255**2 / np.mean(square)))

    with pytest.raises(ExerciseError, match="psnr: not yet; 4 of 5 cases are right"):
        check_exercise("psnr", my_psnr)


def test_weights_times_the_scale_add_up_to_one_at_some_scales_only() -> None:
    from vdsr_lib.exercises.measuring import _row_with

    def my_row(length: int, scale: float, i: int) -> Any:
        return min(scale, 1) * _row_with(length, scale, i, normalise=False)

    with pytest.raises(ExerciseError, match="bicubic-row: not yet; 4 of 5 cases"):
        check_exercise("bicubic-row", my_row)


def test_columns_are_counted_and_not_rows_and_not_what_a_network_says() -> None:
    def rows(network: Any, side: int) -> int:
        picture = torch.ones(1, 1, side, side, requires_grad=True)
        network(picture)[0, 0, side // 2, side // 2].backward()
        assert picture.grad is not None
        return int((picture.grad[0, 0] != 0).any(dim=1).sum())

    with pytest.raises(ExerciseError, match="when rows are counted, not columns"):
        check_exercise("measured-field", rows)
    with pytest.raises(ExerciseError, match="measured-field: not yet"):
        check_exercise("measured-field", lambda network, side: network.receptive_field)


def test_a_mean_over_scales_is_taken_over_those_that_are_there() -> None:
    def thirds(scores: Any, better: str, worse: str) -> dict[str, float]:
        wide = scores.pivot_table("psnr", ["dataset", "scale"], "method")
        gains: dict[str, float] = (
            (wide[better] - wide[worse]).groupby("dataset").sum() / 3
        ).to_dict()
        return gains

    with pytest.raises(ExerciseError, match="gain: not yet; 2 of 3 cases are right"):
        check_exercise("gain", thirds)


@pytest.mark.parametrize(
    ("name", "wrong", "says"),
    [
        ("measured-score", 0.0, "another number"),
        ("measured-score", "thirty", "a number"),
        ("counted-by-hand", (93_089, 12), "2 values; the second is not right"),
        ("counted-by-hand", (1, 12), "2 values; the first and second are not right"),
        ("counted-by-hand", 93_089, "2 values"),
        ("counted-by-hand", (93_089,), "2 values"),
        ("counted-by-hand", [93_089, 12], "2 values; the second is not right"),
        ("curve-reading", ((21, 41, 61), 60), "2 values; the first is not right"),
        ("scratch-depth", (9, True), "2 values"),
        ("three-numbers", (1e-3, 1e-3, 1681), "3 values; the second is not right"),
        ("largest-gain", None, "2 values"),
    ],
)
def test_what_a_reader_has_to_find_is_not_told(
    name: str, wrong: Any, says: str
) -> None:
    """A check that printed the number would hand it out, whatever the variant is."""
    exercise, given = get_exercise(name), GIVEN[name]
    with pytest.raises(ExerciseError) as caught:
        check_exercise(name, lambda: wrong, given=given)
    lines = str(caught.value).split("\n")
    assert lines[2] == f"  expected  {says}"
    assert in_words(exercise.right(*given), None, 0)[0] not in str(caught.value)


@pytest.mark.parametrize("given", [(), (0.1, 1e-4)])
def test_values_that_an_exercise_is_made_of_are_asked_for(given) -> None:
    wanted = r"'three-numbers' is made of given=\(theta, learning_rate, patch\), got "
    with pytest.raises(TypeError, match=wanted):
        check_exercise("three-numbers", lambda: 3, given=given)
