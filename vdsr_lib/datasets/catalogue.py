"""The list of the downloadable data sets, as ``data/sources.toml`` declares it.

Each file has a public address at a pinned commit, a size and a sha256, so that a
set is the same pictures for everybody, or an error.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from vdsr_lib._files import data_file
from vdsr_lib.errors import DataError

__all__ = ["Composite", "Source", "SourceFile", "composites", "sources"]

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SourceFile:
    """One file of a data set.

    Parameters
    ----------
    name : str
        The file's name, without a folder.
    size : int
        Its length in bytes.
    sha256 : str
        Its checksum, 64 hexadecimal digits.
    url : str
        Its public address.
    """

    name: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Source:
    """A downloadable data set: where it comes from and what it may be used for.

    Parameters
    ----------
    name : str
        As `load_images` takes it; also the folder of its files below the data folder.
    title : str
        As papers write it.
    use : str
        ``"training"``, ``"validation"`` or ``"benchmark"``.
    what : str
        The pictures in a few words.
    terms, terms_note : str
        The terms of use in a few words, and in sentences.
    cite : str
        The publication to cite.
    repository, commit, folder : str
        The public GitHub repository, its commit, and the folder in it.
    files : tuple of SourceFile
        In natural order: t2 before t10.
    """

    name: str
    title: str
    use: str
    what: str
    terms: str
    terms_note: str
    cite: str
    repository: str
    commit: str
    folder: str
    files: tuple[SourceFile, ...]

    @cached_property
    def size(self) -> int:
        """The length of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def notice(self) -> str:
        """What is told before a download and kept beside the pictures: the terms."""
        note = textwrap.fill(f"Terms of use: {self.terms}. {self.terms_note}", 79)
        return (
            f"{self.title}: {self.what}.\nFrom {self.page}\n{note}\n"
            f"Cite: {self.cite}.\n"
        )

    @property
    def page(self) -> str:
        """The address of a web page that shows the files, for a download by hand."""
        return f"https://github.com/{self.repository}/tree/{self.commit}/{self.folder}"


@dataclass(frozen=True)
class Composite:
    """A name for several data sets together, such as the paper's 291 pictures.

    Parameters
    ----------
    name, title, use, what : str
        As in `Source`.
    parts : tuple of Source
        The data sets, in the order in which their pictures come.
    """

    name: str
    title: str
    use: str
    what: str
    parts: tuple[Source, ...]


@cache
def sources() -> dict[str, Source]:
    """Return the downloadable data sets by name.

    Returns
    -------
    dict of str to Source
        In the order of ``data/sources.toml``. Do not change it: it is shared.

    Raises
    ------
    DataError
        If ``data/sources.toml`` is absent or declares something impossible.
    """
    declared = _declarations()
    return {
        name: _source(name, dict(entry), declared["url"])
        for name, entry in declared["sets"].items()
    }


@cache
def composites() -> dict[str, Composite]:
    """Return the names that stand for several downloadable data sets.

    Returns
    -------
    dict of str to Composite
        Do not change it: it is shared.

    Raises
    ------
    DataError
        As `sources`.
    """
    known = sources()
    return {
        name: Composite(
            name,
            entry["title"],
            entry["use"],
            entry["what"],
            tuple(known[part] for part in entry["parts"]),
        )
        for name, entry in _declarations()["composites"].items()
    }


def _declarations() -> dict[str, Any]:
    """Read ``data/sources.toml``."""
    path = data_file("sources.toml")
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is absent: it ships with the project, so install it again"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}): restore it") from error


def _source(name: str, entry: dict[str, Any], template: str) -> Source:
    """Build one data set from its table, and refuse an impossible one."""
    where = {key: entry[key] for key in ("repository", "commit")}
    files = tuple(
        SourceFile(file, size, digest, template.format(path=path, **where))
        for file, size, digest in entry.pop("files")
        for path in [f"{entry['folder']}/{file}"]
    )
    for file in files:
        _check(name, file)
    return Source(name=name, files=files, **entry)


def _check(name: str, file: SourceFile) -> None:
    """Refuse a file that could leave its folder, or that could not be checked."""
    plain = _PLAIN_NAME.fullmatch(file.name) and _SHA256.fullmatch(file.sha256)
    if not plain or file.size <= 0:
        raise DataError(
            f"data/sources.toml, set {name}: the file {file.name!r} needs a plain "
            "name, a positive size and a sha256 of 64 digits"
        )
