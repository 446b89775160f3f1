"""The paper's numbers: complete, marked, and consistent with each other."""

from __future__ import annotations

import pytest

from vdsr_lib import paper

BICUBIC_SET5 = {2: 33.66, 3: 30.39, 4: 28.42}


@pytest.mark.parametrize("name", paper.TABLES)
def test_every_row_carries_a_known_mark(name: str) -> None:
    table = paper.table(name)
    assert len(table) >= 12
    assert set(table["mark"]) <= set("MCDU")
    assert table["psnr"].between(19, 38).all()


def test_table1_is_figure4_at_four_epochs() -> None:
    keys = ["learning_rate", "network", "epoch"]
    joined = paper.table("table1").merge(
        paper.table("figure4"), on=keys, suffixes=("", "_curve")
    )
    assert len(joined) == 24
    # Table 1 prints two decimals of the values that the curves pass through.
    assert (joined["psnr"] - joined["psnr_curve"]).abs().max() <= 0.0051


def test_figure4_has_six_curves_of_eighty_epochs() -> None:
    curves = paper.table("figure4").groupby(["network", "learning_rate"])["epoch"]
    assert curves.count().tolist() == [80] * 6
    for _, epochs in curves:  # in order: lessons take the last as the last
        assert epochs.tolist() == list(range(1, 81))


def test_table3_has_every_cell_and_agrees_with_table2_on_bicubic() -> None:
    benchmark = paper.table("table3")
    assert len(benchmark) == 4 * 3 * 6
    assert not benchmark.duplicated(["dataset", "scale", "method"]).any()
    for table, column in (
        (benchmark.query("dataset == 'Set5' and method == 'Bicubic'"), "scale"),
        (paper.table("table2").query("training_scales == 'bicubic'"), "test_scale"),
    ):
        assert dict(zip(table[column], table["psnr"], strict=True)) == BICUBIC_SET5


def test_figure3_ends_where_table2_stands() -> None:
    """Depth 20 of Figure 3 is the {2, 3, 4} column of Table 2, to its two decimals."""
    deepest = paper.table("figure3").query("depth == 20").set_index("scale")["psnr"]
    printed = (
        paper.table("table2")
        .query("training_scales == '2+3+4'")
        .set_index("test_scale")["psnr"]
    )
    assert (deepest - printed).abs().max() <= 0.0051


def test_an_unknown_table_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no table 'table9'; there are table1, "):
        paper.table("table9")
