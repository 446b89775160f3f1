"""Files written whole or not at all, and places that are refused beforehand."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest

import vdsr_lib as lab
from vdsr_lib._files import require_writable, user_data_dir, write_atomically
from vdsr_lib.cli._options import require_target
from vdsr_lib.errors import DataError, LabError, PictureError
from vdsr_lib.suite import assignments, notebooks, reproduction
from vdsr_lib.suite.classroom import make_course
from vdsr_lib.suite.lessons import find_lessons
from vdsr_lib.training.run_folder import holds_run
from vdsr_lib.weights import import_srcnn


def test_a_file_is_written_with_its_folder_and_ordinary_permissions(tmp_path: Path):
    path = write_atomically(tmp_path / "new" / "a.txt", "\N{SNOWMAN}")
    assert path.read_bytes() == b"\xe2\x98\x83"
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_the_umask_of_the_process_is_obeyed_and_never_touched(
    tmp_path: Path, monkeypatch
):
    """It is shared by all threads: a change for a moment can stay for good."""
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", None)
            path = write_atomically(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_names_the_file_asked_for_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch
):
    path = write_atomically(tmp_path / "a.txt", "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomically(path, "new")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path):
    """Such as /dev/null and /dev/stdout, which root could replace by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        require_writable(pipe)
        assert write_atomically(pipe, "text") == pipe
        assert pipe.is_fifo()
        assert os.read(reader, 99) == b"text"
    finally:
        os.close(reader)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("there", [True, False])
def test_a_symbolic_link_stays_and_its_file_is_written(tmp_path: Path, there: bool):
    target, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "link.txt"
    if there:
        write_atomically(target, "old")
    link.symlink_to(target)
    assert write_atomically(link, "new") == link
    assert link.readlink() == target
    assert target.read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_a_link_that_leads_below_a_file_is_refused_at_once(tmp_path: Path):
    (tmp_path / "file").touch()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "file" / "b.txt")
    with pytest.raises(LabError, match=re.escape(str(link))):
        require_writable(link)


def test_the_longest_name_is_written(tmp_path: Path):
    path = write_atomically(tmp_path / ("n" * 255), "text")
    assert path.read_text() == "text"


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as caught:
        write_atomically(tmp_path / "file" / "b.txt", "text")
    assert caught.value.filename == str(tmp_path / "file" / "b.txt")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path):
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path, "text")
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(LabError, match="is a folder: give the name of a file"):
        require_writable(tmp_path)


def test_a_place_is_tried_without_a_trace(tmp_path: Path):
    require_writable(tmp_path / "not" / "yet" / "there.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"b.txt cannot be written \(Not a directory\)"):
        require_writable(tmp_path / "file" / "b.txt")


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch):
    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    with pytest.raises(LabError, match=r"c.txt cannot be written \(Permission denied"):
        require_writable(tmp_path / "c.txt")


def test_a_drive_that_is_not_there_is_refused(monkeypatch):
    """As on Windows, where not even the last of the parents need exist."""
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(LabError, match=r"d.txt cannot be written \(No such file"):
        require_writable(Path("/no/where/d.txt"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """A home that is not the working folder."""
    for name in ("home", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    return tmp_path / "home"


def test_whatever_takes_a_path_knows_the_home(home: Path):
    network, pixels = lab.VDSR(2, 4), np.full((30, 30), 99, np.uint8)
    assert lab.images.write_picture("~/a.png", pixels) == home / "a.png"
    assert lab.images.read_picture("~/a.png").name == "a"
    assert lab.upscale("~/a.png", 2, model="bicubic").pixels.shape == (60, 60)
    assert list(lab.load_images("~")) == ["a"]
    assert lab.save_model(network, "~/b.safetensors") == home / "b.safetensors"
    assert lab.load_model("~/b.safetensors").depth == 2
    patches = lab.PatchSet.from_images([pixels], (2,), patch_size=5)
    recipe = lab.TrainingConfig(batch_size=8, max_steps=1)
    watch = lab.training.Silent()
    history = lab.train(network, patches, recipe, run_dir="~/run", monitor=watch)
    assert (home / "run" / "checkpoint.safetensors").is_file()
    assert holds_run("~/run")
    assert history.save("~/c.json") == home / "c.json"
    assert len(lab.History.load("~/c.json").epochs) == 1
    require_writable("~/d.txt")
    for read in (lab.import_matconvnet, import_srcnn, lab.experiments.Recording.read):
        with pytest.raises(LabError, match=re.escape(str(home / "no.mat"))):
            read("~/no.mat")
    book = lab.claims.ClaimBook("00", "quick", "~/out")
    assert book.path == home / "out" / "claims" / "00.json"
    assert lab.claims.read_records("~/out/claims/00.json")["lesson"] == "00"
    assert not list(Path.cwd().iterdir())


def test_lessons_and_courses_are_looked_for_where_they_are_written(
    home: Path, monkeypatch
):
    source = home / "mine" / "00_mine.py"
    write_atomically(source, "# %% [markdown]\n# # Look at mine\n")
    built = [home / "out" / "00_mine.ipynb"]
    for suite in (notebooks, assignments):
        assert suite.sources("~/mine") == [source]
    assert notebooks.build("~/mine", "~/out") == built
    assert notebooks.check("~/mine", "~/out") == []
    assert [lesson.path for lesson in find_lessons(folder="~/out")] == built
    make_course(Path("~/course"))
    assert (home / "course" / "exchange").is_dir()
    monkeypatch.setattr(reproduction, "_run", lambda *_, **__: [])
    reproduction.reproduce([], "~/results", device="cpu")
    assert (home / "results" / "report.html").is_file()
    assert not list(Path.cwd().iterdir())


def test_a_command_knows_the_home_too(home: Path):
    """A shell leaves the tilde in ``--output=~/a.csv`` alone."""
    (home / "a.csv").touch()
    with pytest.raises(ValueError, match=r"a\.csv exists: choose another name"):
        require_target(Path("~/a.csv"), replace=False)


def test_a_file_in_the_home_of_nobody_is_refused():
    with pytest.raises(PictureError, match=r"~nobody-here/x\.png is no usable path"):
        lab.images.read_picture("~nobody-here/x.png")


def test_a_data_folder_in_the_home_of_nobody_is_refused(monkeypatch):
    with pytest.raises(DataError, match="~nobody-here/x is no usable path"):
        user_data_dir("~nobody-here/x")
    monkeypatch.setenv("VDSR_DATA_DIR", "~nobody-here/y")
    with pytest.raises(DataError, match="~nobody-here/y is no usable path"):
        user_data_dir()
