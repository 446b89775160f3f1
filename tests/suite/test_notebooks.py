"""Notebooks generated from their sources, and every way they can come apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from vdsr_lib.errors import LabError
from vdsr_lib.suite import notebooks
from vdsr_lib.suite.style import check_all

SOURCE = """\
# %% [markdown]
# # A title
#
# Text with $x^2$.

# %% tags=["parameters"]
profile = "quick"

# %%
print(1)

# %%
print(1)
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "01_first.py").write_text(SOURCE)
    (source / "notes.py").write_text("# not a lesson\n")
    notebooks.build(source, target)
    return source, target


def edit(path: Path, change: str) -> None:
    """Change a notebook as a person or a program would."""
    notebook = json.loads(path.read_text())
    cell = notebook["cells"][2]
    if change == "source":
        cell["source"] = ["print(2)"]
    elif change == "tags":
        cell["metadata"]["tags"] = ["hide-input"]
    elif change == "new cell":
        notebook["cells"].append(notebook["cells"][0])
    elif change == "lost cell":
        notebook["cells"].pop()
    elif change == "outputs":
        output = {"output_type": "stream", "name": "stdout", "text": ["1\n"]}
        cell["outputs"], cell["execution_count"] = [output], 3
    elif change == "editor":  # what JupyterLab adds when it saves
        notebook["metadata"]["language_info"]["version"] = "3.12.1"
    path.write_text(json.dumps(notebook))


def test_a_fresh_build_has_no_problem(folders: tuple[Path, Path]) -> None:
    assert notebooks.check(*folders) == []
    assert [path.name for path in folders[1].iterdir()] == ["01_first.ipynb"]


def test_the_notebook_is_valid_and_says_what_the_source_says(
    folders: tuple[Path, Path],
) -> None:
    notebook = nbformat.read(folders[1] / "01_first.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [c.cell_type for c in notebook.cells] == ["markdown", "code", "code", "code"]
    assert notebook.cells[0].source == "# A title\n\nText with $x^2$."
    assert notebook.cells[1].metadata.tags == ["parameters"]
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not c.outputs and c.execution_count is None for c in notebook.cells[1:])


def test_the_same_source_gives_the_same_bytes_anywhere(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "01_first.py"
    other.parent.mkdir()
    other.write_bytes(SOURCE.replace("\n", "\r\n").encode())  # a Windows checkout
    written = (folders[1] / "01_first.ipynb").read_text()
    assert notebooks.generate(other) == written
    assert str(tmp_path) not in written


def test_cell_ids_are_unique_and_only_a_changed_cell_gets_a_new_one(
    tmp_path: Path,
) -> None:
    def ids(text: str) -> list[str]:
        path = tmp_path / "01_x.py"
        path.write_text(text)
        return [c["id"] for c in json.loads(notebooks.generate(path))["cells"]]

    before = ids(SOURCE)
    assert len(set(before)) == 4
    after = ids(SOURCE.replace("# %% tags", "# %%\nnew = 1\n\n# %% tags"))
    assert [name for name in after if name not in before] == [after[1]]


def test_building_again_writes_nothing(folders: tuple[Path, Path]) -> None:
    assert notebooks.build(*folders) == []


@pytest.mark.parametrize("change", ["source", "tags", "new cell", "lost cell"])
def test_an_edit_by_hand_is_named_and_not_lost(
    folders: tuple[Path, Path], change: str
) -> None:
    path = folders[1] / "01_first.ipynb"
    edit(path, change)
    number = {"new cell": 5, "lost cell": 4}.get(change, 3)
    [problem] = notebooks.check(*folders)
    assert problem.startswith(f"{path}:cell {number}: edited by hand")
    kept = path.read_text()
    with pytest.raises(LabError, match=r"01_first\.ipynb: edited by hand"):
        notebooks.build(*folders)
    assert path.read_text() == kept
    assert notebooks.build(*folders, force=True) == [path]
    assert notebooks.check(*folders) == []


def test_an_edited_and_stale_notebook_is_not_lost_either(
    folders: tuple[Path, Path],
) -> None:
    edit(folders[1] / "01_first.ipynb", "source")
    (folders[0] / "01_first.py").write_text(SOURCE + "\n# %%\nprint(3)\n")
    with pytest.raises(LabError, match="edited by hand"):
        notebooks.build(*folders)


def test_a_changed_source_makes_the_notebook_stale(folders: tuple[Path, Path]) -> None:
    (folders[0] / "01_first.py").write_text(SOURCE.replace("(1)", "(2)"))
    path = folders[1] / "01_first.ipynb"
    assert notebooks.check(*folders) == [
        f"{path}: stale; run `python -m vdsr_lib notebooks`"
    ]
    assert notebooks.build(*folders) == [path]


def test_outputs_are_named_by_cell_and_removed(folders: tuple[Path, Path]) -> None:
    path = folders[1] / "01_first.ipynb"
    edit(path, "outputs")
    [problem] = notebooks.check(*folders)
    assert problem.startswith(f"{path}:cell 3: has outputs")
    notebooks.build(*folders)
    assert notebooks.check(*folders) == []


def test_what_an_editor_adds_on_saving_is_stale(folders: tuple[Path, Path]) -> None:
    edit(folders[1] / "01_first.ipynb", "editor")
    [problem] = notebooks.check(*folders)
    assert "stale" in problem


def test_missing_orphaned_and_damaged_notebooks_are_named(
    folders: tuple[Path, Path],
) -> None:
    source, target = folders
    (source / "02_second.py").write_text(SOURCE)
    (source / "03_third.py").write_text(SOURCE)
    (target / "03_third.ipynb").write_text("{")
    (target / "09_gone.ipynb").write_text("{}")
    problems = notebooks.check(source, target)
    assert len(problems) == 3
    for name, word in [("02_s", "missing"), ("03_t", "not a no"), ("09_g", "orphaned")]:
        assert any(name in text and word in text for text in problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# %%\nx = '\xff'\n", "not UTF-8"),
        (b"", "holds no cell"),
        (b'# %% tags=["a", "a"]\nx = 1\n', r"\['a', 'a'\] has non-unique elements"),
    ],
)
def test_bad_sources_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "01_bad.py"
    path.write_bytes(content)
    with pytest.raises(LabError, match=rf"01_bad\.py: {message}"):
        notebooks.generate(path)


@pytest.mark.parametrize("use", [notebooks.build, notebooks.check, check_all])
def test_a_folder_without_a_source_is_not_well(tmp_path: Path, use: Any) -> None:
    (tmp_path / "notes.py").write_text("# not a lesson\n")
    with pytest.raises(LabError, match=r"holds no lesson source NN_name\.py"):
        use(tmp_path)


def test_the_shipped_notebooks_equal_their_sources() -> None:
    assert notebooks.check() == []
