"""The style checks: a lesson that passes, and one fault for each check to catch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vdsr_lib.suite import style
from vdsr_lib.suite.notebooks import sources

PARAMETERS = """\
# %% tags=["parameters"]
profile = "quick"
device = "auto"
seed = 0
output_dir = "results"
"""
WORDS = "\n".join(["# " + "word " * 14] * 5)
STEPS = "\n".join(
    f"# %% [markdown]\n# ## Step {n}\n#\n{WORDS}\n\n# %%\nx_{n} = {n}\n"
    for n in range(14)
)
GOOD = f"""\
# %% [markdown]
# # Learn to check a lesson
#
# **What you will do**: read. **You will learn** style. You will need two
# minutes on a CPU, and as many on a GPU.

# %%
import numpy as np

from vdsr_lib import figures
from vdsr_lib.claims import ClaimBook

# %% [markdown]
# These are the settings.

{PARAMETERS}
# %% [markdown]
# **Predict.** What is one and one? There is a [page](https://example.org/{"a" * 60}).
#
# $$a = b$$

# %%
book = ClaimBook("01", profile, output_dir)
book.record("one", 1)

# %% [markdown]
# Did you predict this?

# %%
figures.show(figures.dots({{}}), alt="Dots.")

{STEPS}
# %% [markdown]
# ## Summary
#
# It is short.

# %% [markdown]
# ## Exercises
#
# 1. One.
# 2. Two.
# 3. Three.

# %% [markdown]
# ## Sources
#
# Kim et al., 2016.
"""


def check(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "01_lesson.py"
    path.write_text(text)
    return [line.removeprefix(f"{path}") for line in style.check_lesson(path)]


def test_the_good_lesson_passes(tmp_path: Path) -> None:
    assert check(tmp_path, GOOD) == []


STEP_0 = "\n# %%\nx_0 = 0\n"
LONG = "".join(f"y_{n} = {n}\n" for n in range(16))
DEFINITION = "def f(x):\n    y = x\n    z = y\n    return z\n"
FAULTS = [
    # size
    (STEPS, "", r": has 11 cells; a lesson has 25 to 60"),
    (STEPS, STEPS * 2, r": has 67 cells; a lesson has 25 to 60"),
    (STEP_0, STEP_0 + LONG * 9, r": has 1\d\d lines of code; a lesson has at most 150"),
    # words
    (WORDS, "# few", r": has \d+ words of prose; a lesson has 800 to 2,500"),
    (WORDS, WORDS * 4, r": has \d+ words of prose; a lesson has 800 to 2,500"),
    # rhythm
    (STEP_0, STEP_0 + "\n# %%\nx = 1\n\n# %%\nx = 2\n", "third code cell in a row"),
    (WORDS + "\n\n#", WORDS + "\n\n# %%\nx = 1\n\n#", "has no prose before it"),
    # tags
    ('["parameters"]', '["parameters", "hide_input"]', "tag 'hide_input'; known: hide"),
    ("# %%\nx_0", '# %% tags=["raises-exception"]\nx_0', "tag 'raises-exception'"),
    # lines
    ("x_0 = 0", f"x_0 = '{'a' * 72}'", "cell 10: has a line of 80 columns"),
    ("# It is short.", "# It is " + "short " * 13, "line of 86 columns; at most 79"),
    # frame
    ("# # Learn", "# ## Learn", "one # title belongs into cell 1"),
    ("## Step 0", "# Step 0", r"there are # titles in \[1, 9\]"),
    ("will do", "do", "does not say 'you will do'"),
    ("**You will learn**", "", "does not say 'you will learn'"),
    ("will need", "take", "does not say 'you need'"),
    ("minutes", "hours", "does not say 'minutes'"),
    ("a GPU", "another", "does not say 'GPU'"),
    ("a CPU", "a machine", "does not say 'CPU'"),
    # predict
    ("**Predict.**", "Guess.", "asks for no prediction"),
    ("**Predict.**", "**VDSR** predicts.", "asks for no prediction"),
    ("# $$a = b$$\n", "# %% [markdown]\n# **Predict.** And two?\n",
     "cell 5: asks for a prediction that no code"),
    ("# It is short.", "# **Predict.** Then?",
     "cell 37: asks for a prediction that no code"),
    ("x_13 = 13\n", "x_13 = 13\n\n# %% [markdown]\n# **Predict.** Then?\n",
     "cell 37: asks for a prediction that no code"),
    ("# %% [markdown]\n# **P", '# %%\nbook.record("x", 1)\n\n# %% [markdown]\n# **P',
     "cell 5: records a claim before"),
    # tail
    ("## Summary", "## In short", "the last ## headings are"),
    ("## Sources", "## References", "the last ## headings are"),
    ("# 3. Three.\n", "", "cell 38: has 2 exercises; a lesson has 3 to 5"),
    ("# 3. Three.", "# 3. Three.\n# 4. F.\n# 5. F.\n# 6. S.", "has 6 exercises"),
    # pictures in the prose
    ("# It is short.", "# ![](a.png)", r"shows a\.png without alternative text"),
    ("# It is short.", '# <img src="a.png">', "without alternative text"),
    ("# It is short.", '# <img src="a.png" alt=" ">', "without alternative text"),
    # code: plain Python
    ("x_0 = 0", "%matplotlib inline", "cell 10: holds a magic or a shell line"),
    ("x_0 = 0", "!ls", "holds a magic or a shell line"),
    ("x_0 = 0", "x_0 =", "cell 10: is no Python"),
    # code: definitions
    (STEP_0, STEP_0 + DEFINITION * 3, r": defines in 12 of \d+ lines of code"),
    # code: parameters
    (PARAMETERS, "", ": has 0 cells tagged 'parameters'"),
    (PARAMETERS, PARAMETERS + "\n# %% [markdown]\n# Again\n\n" + PARAMETERS,
     ": has 2 cells tagged 'parameters'"),
    ("seed = 0\n", "", "cell 4: sets profile, device, output_dir; expected"),
    ("seed = 0\n", "seed = 0\nepochs = 3\n", "sets profile, device, seed, epochs"),
    ("seed = 0\n", "seed = 2 - 2\n", "more than name = literal: seed = 2 - 2"),
    ("seed = 0\n", "seed = 0\nprint(seed)\n", "more than name = literal: print"),
    # code: imports
    ("x_0 = 0", "import math", "cell 10: imports; the imports stand in cell 2"),
    ("x_0 = 0", "for x in y:\n    from math import pi", "cell 10: imports"),
    # code: boilerplate
    ("x_0 = 0", "run('pip install torch')", "installs a package"),
    ("x_0 = 0", "f(figsize=(3, 4))", "sets figsize"),
    ("x_0 = 0", "plt.rcParams['a'] = 1", "sets matplotlib's style"),
    ("x_0 = 0", "f(fontsize=3)", "sets a font"),
    ("x_0 = 0", "torch.manual_seed(0)", "sets a seed"),
    ("x_0 = 0", "np.random.seed(seed)", "sets a seed"),
    ("x_0 = 0", "requests.get(url)", "downloads"),
    # code: figures
    (', alt="Dots."', "", "cell 8: shows a figure without alt"),
    (', alt="Dots."', ', alt=" "', "cell 8: shows a figure without alt"),
    ("x_0 = 0", "plt.show()", "cell 10: calls plt.show"),
    ("x_0 = 0", "figures.dots({})", "cell 10: shows what figures.dots returns"),
    ("x_0 = 0", "plt.plot([1])", "cell 10: shows what plt.plot returns"),
    ("x_0 = 0", "x_0 = figures.dots({})\nx_0", "cell 10: shows x_0; use figures.show"),
    ("x_0 = 0", "display(figures.dots({}))", "shows what figures.dots returns"),
    ("x_0 = 0\n", "x_0 = plt.figure()\n\n# %% [markdown]\n# So\n\n# %%\ndisplay(x_0)\n",
     "cell 12: shows x_0"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), FAULTS)
def test_each_fault_is_caught(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    found = check(tmp_path, GOOD.replace(old, new))
    assert any(re.search(message, line) for line in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x_0 = 0", "figures.use_style()"),
        ("x_0 = 0", "x_0 = figures.dots({})"),
        ("x_0 = 0", "display(book)"),
        ("Did you predict this?", "Fine."),
        ("## Exercises", "##  Exercises"),
        ("# 3. Three.", "# 3. Three.\n# 4. Four.\n# 5. Five."),
        (
            "x_0 = 0",
            "x_0 = {'a': (0, 1)}",
        ),
        ('alt="Dots."', "alt=sentence"),
        ('alt="Dots."', 'alt=f"Dots: {x}."'),
        ("# 1. One.\n# 2. Two.\n# 3. Three.", "# ### A\n# 1. x\n# ### B\n# ### C"),
        ("# It is short.", "# ![A cat](a.png)"),
        ("# It is short.", "# ```\n# # a comment, no title\n# ```"),
        ("**Predict.**", "### Predict\n#\n#"),
        ("**Predict.**", "**Now predict.**"),
        (STEP_0, STEP_0 + LONG),  # one long cell in more than ten
        (STEP_0, STEP_0 + "\n# %%\nx = 1\n"),  # one bare cell in more than five
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    assert check(tmp_path, GOOD.replace(old, new)) == []


@pytest.mark.parametrize(
    ("old", "unit", "least", "most", "what"),
    [
        ("# It is short.", "# %% [markdown]\n# So.\n", 25, 60, "cells"),
        ("# It is short.", "# word\n", 800, 2500, "words of prose"),
        ("x_0 = 0\n", "y = 0\n", 0, 150, "lines of code"),
    ],
)
def test_a_lesson_is_as_long_as_it_may_be(
    tmp_path: Path, old: str, unit: str, least: int, most: int, what: str
) -> None:
    """Neither formulas, blocks of code and addresses nor comments count."""
    mute = "# $$a b\n# c$$ https://a.b/c\n#\n# ```\n# in a block\n# ```\n"
    text = GOOD if what == "lines of code" else GOOD.replace(STEPS, "")
    text = text.replace("# Kim et al.", mute + "# Kim et al.")
    text = text.replace("import numpy", "# a comment\n\nimport numpy")

    def faults(count: int) -> list[str]:
        found = check(tmp_path, text.replace(old, unit * count, 1))
        return [line for line in found if f" {what}; a lesson has" in line]

    has = int(re.search(r"has (\d+)", faults(4000)[0])[1]) - 4000
    for total in {least, most} - {0}:
        assert faults(total - has) == []
    assert f"has {most + 1} {what}" in faults(most + 1 - has)[0]
    if least:
        assert f"has {least - 1} {what}" in faults(least - 1 - has)[0]


def test_many_long_cells_are_each_named(tmp_path: Path) -> None:
    text = GOOD.replace("x_1 = 1\n", LONG).replace("x_2 = 2\n", LONG)
    found = check(tmp_path, text)
    assert [line.split(";")[0] for line in found] == [
        ":cell 12: has 16 lines of code",
        ":cell 14: has 16 lines of code",
    ]


def test_problems_come_in_the_order_of_the_cells(tmp_path: Path) -> None:
    text = GOOD.replace("x_1 = 1", "!ls").replace("x_0 = 0", "plt.show()")
    found = check(tmp_path, text)
    assert [line.split(":")[1] for line in found] == ["cell 10", "cell 12"]


def test_all_lessons_of_a_folder_and_their_names_are_checked(tmp_path: Path) -> None:
    (tmp_path / "01_good.py").write_text(GOOD)
    (tmp_path / "02_bad.py").write_text(GOOD.replace("# It is short.", "# ![](a)"))
    (tmp_path / "3-Wrong.py").write_text(GOOD)
    found = style.check_all(tmp_path)
    assert len(found) == 2
    assert found[0] == f"{tmp_path / '3-Wrong.py'}: not named NN_words.py"
    assert found[1].startswith(f"{tmp_path / '02_bad.py'}:cell 37: ")


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_the_shipped_lessons_keep_the_style(source: Path) -> None:
    assert style.check_lesson(source) == []
