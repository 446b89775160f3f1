"""The list of sources: complete, possible, small, and as the real files are."""

from __future__ import annotations

import csv
import hashlib
import re
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from vdsr_lib import datasets
from vdsr_lib.datasets import catalogue
from vdsr_lib.errors import DataError

COUNTS = {
    "t91": 91,
    "bsd200": 200,
    "set5": 5,
    "set14": 14,
    "b100": 100,
    "urban100": 100,
    "bsd500-test": 200,
}  # Kim et al. 2016, sections 4 and 5.1; BSDS500's three parts are 200, 100 and 200


def test_the_sets_have_the_published_numbers_of_pictures():
    found = {name: len(source.files) for name, source in datasets.sources().items()}
    assert found == COUNTS
    assert sum(found.values()) == 710


def test_291_is_t91_and_bsd200():
    parts = datasets.composites()["291"].parts
    assert [part.name for part in parts] == ["t91", "bsd200"]
    assert sum(len(part.files) for part in parts) == 291


def test_one_picture_is_in_t91_twice_and_no_other_anywhere():
    files = [file for source in datasets.sources().values() for file in source.files]
    assert len({file.url for file in files}) == 710
    uses = Counter(file.sha256 for file in files)
    twice = [file.name for file in files if uses[file.sha256] > 1]
    assert twice == ["t36.bmp", "t65.bmp"]  # so T91 is published: kept as it is


def test_addresses_are_public_and_pinned():
    for source in datasets.sources().values():
        assert re.fullmatch(r"[0-9a-f]{40}", source.commit)
        for file in source.files:
            assert file.url == (
                f"https://raw.githubusercontent.com/{source.repository}/"
                f"{source.commit}/{source.folder}/{file.name}"
            )


def test_terms_uses_and_citations_are_stated():
    for source in datasets.sources().values():
        assert source.terms in {"none stated", "non-commercial research and education"}
        assert len(source.terms_note) > 40
        assert source.cite
        assert source.use in {"training", "validation", "benchmark"}


def test_the_list_is_small_and_fast_to_read(root: Path):
    path = root / "data" / "sources.toml"
    assert path.stat().st_size < 250_000
    assert max(map(len, path.read_text().splitlines())) <= 120
    seconds = []
    for _ in range(3):
        start = time.process_time()
        tomllib.loads(path.read_text())
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.25


@pytest.mark.datasets
def test_the_list_equals_the_manifest_of_the_real_files(real_data: Path):
    manifest = real_data / "MANIFEST.tsv"
    if not manifest.is_file():
        pytest.skip("no MANIFEST.tsv beside the real data sets")
    with manifest.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    expected = {
        (row["dataset"], row["file"]): (
            *(row["sha256"], int(row["bytes"])),
            *(row["repository"], row["commit"], row["path"]),
        )
        for row in rows
    }
    found = {
        (name, file.name): (
            *(file.sha256, file.size),
            *(source.repository, source.commit, f"{source.folder}/{file.name}"),
        )
        for name, source in datasets.sources().items()
        for file in source.files
    }
    assert len(rows) == 710
    assert found == expected


@pytest.mark.datasets
@pytest.mark.parametrize("name", COUNTS)
def test_the_real_files_are_as_declared(real_data: Path, name: str):
    here, count = datasets.presence(name, data_dir=real_data)
    if here == 0:
        pytest.skip(f"{name} is not in {real_data}")
    assert (here, count) == (COUNTS[name], COUNTS[name])
    total = 0
    for file in datasets.sources()[name].files:  # hashed here, not by the library
        content = (real_data / name / file.name).read_bytes()
        total += len(content)
        assert hashlib.sha256(content).hexdigest() == file.sha256
    assert total == datasets.sources()[name].size
    found = datasets.verify(name, data_dir=real_data)
    assert (len(found["right"]), found["wrong"], found["missing"]) == (count, [], [])


@pytest.fixture
def declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A list of sources of the test's own."""
    path = tmp_path / "sources.toml"
    monkeypatch.setattr(catalogue, "data_file", lambda *_: path)
    catalogue.sources.cache_clear()
    catalogue.composites.cache_clear()
    yield path
    catalogue.sources.cache_clear()
    catalogue.composites.cache_clear()


def test_an_absent_list(declaration: Path):
    with pytest.raises(DataError, match=rf"{declaration} is absent: .*install it"):
        datasets.sources()


def test_a_damaged_list(declaration: Path):
    declaration.write_text("[sets.x\n")
    with pytest.raises(DataError, match=rf"{declaration} is damaged \("):
        datasets.sources()


@pytest.mark.parametrize(
    "row",
    [
        f'["../x.png", 3, "{"0" * 64}"]',
        f'["/etc/x.png", 3, "{"0" * 64}"]',
        f'[".hidden", 3, "{"0" * 64}"]',
        f'["x.png", 0, "{"0" * 64}"]',
        f'["x.png", 3, "{"0" * 63}"]',
        f'["x.png", 3, "{"G" * 64}"]',
    ],
)
def test_a_file_that_could_do_harm_is_refused(declaration: Path, row: str):
    keys = "title", "use", "what", "terms", "terms_note", "cite", "commit", "folder"
    table = "".join(f'{key} = "y"\n' for key in keys)
    declaration.write_text(
        'url = "https://h/{repository}/{commit}/{path}"\n[composites]\n[sets.x]\n'
        f'{table}repository = "a/b"\nfiles = [{row}]\n'
    )
    with pytest.raises(DataError, match=r"set x: the file '.*' needs a plain name"):
        datasets.sources()


def test_the_datasheet_states_counts_sizes_uses_and_terms_as_declared(root: Path):
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    for name, source in datasets.sources().items():
        start = f"| `{name}` | {len(source.files)} | {source.size / 1e6:.1f} MB | "
        (line,) = [row for row in text.splitlines() if row.startswith(f"| `{name}` |")]
        assert line.startswith(start + source.use)
        assert line.endswith(f"| {source.terms} |")


def test_the_datasheet_names_whatever_lies_in_data(root: Path):
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([\w.]+)/?` \| [a-z]", text, flags=re.M))
    here = {path.name for path in (root / "data").iterdir()} - {"README.md"}
    assert here >= {"sources.toml", "claims.toml", "paper"}
    assert here <= named
