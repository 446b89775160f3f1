"""A file that arrives in pieces, and what is refused before it is decoded."""

from __future__ import annotations

import pytest

from vdsr_lib.errors import PictureError
from vdsr_lib.widgets.uploads import (
    Inbox,
    Limits,
    in_pieces,
    megabytes,
    megapixels,
)


@pytest.mark.parametrize(
    ("offset", "piece"), [(4, b"abc"), (3, b""), (3, b"x" * 8)]
)  # a gap, nothing, too much
def test_what_does_not_fit_is_refused(offset, piece):
    inbox = Inbox(Limits())
    inbox.take({"name": "a.png", "size": 10, "offset": 0}, b"abc")
    with pytest.raises(PictureError, match=r"a\.png did not arrive whole \(3 of 10"):
        inbox.take({"name": "a.png", "size": 10, "offset": offset}, piece)


def test_limits_hold_before_a_byte_has_arrived():
    limits = Limits(file_bytes=1_000_000, pixels=100, result_pixels=1000)
    with pytest.raises(PictureError, match=r"b\.tif has 2 MB, above the limit of 1 MB"):
        Inbox(limits).take({"name": "b.tif", "size": 2_000_000, "offset": 0}, b"a")
    with pytest.raises(PictureError, match=r"b\.tif is empty \(0 bytes\)"):
        Inbox(limits).take({"name": "b.tif", "size": 0, "offset": 0}, b"a")
    limits.check_result("b", (20, 50))
    with pytest.raises(PictureError, match="b would become 51 x 20 pixels, above the"):
        limits.check_result("b", (20, 51))


def test_the_limits_are_said_in_words():
    text = Limits().sentence()
    assert text.startswith("PNG, JPEG, BMP, GIF, TIFF, WebP, AVIF, JPEG 2000 or PPM;")
    assert "at most 50 MB and 25 megapixels, enlarged 50 megapixels" in text
    assert (megabytes(400_000), megabytes(20e6)) == ("0.4 MB", "20 MB")
    assert (megapixels(300_000), megapixels(5)) == ("0.3 megapixels", "0.00 megapixels")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\pictures\\cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("a\nb\x00.png", "ab.png"),
        ("", "picture"),
        ("x" * 300, "x" * 120),
    ],
)
def test_of_a_name_only_what_is_harmless_is_kept(given, kept):
    inbox = Inbox(Limits())
    inbox.take({"name": given, "size": 2, "offset": 0}, b"a")
    assert inbox.name == kept


def send(inbox: Inbox, name: str, content: bytes, pieces: int) -> list[bytes | None]:
    """Send a file in so many pieces; return what each gave."""
    step = -(-len(content) // pieces)
    facts = {"name": name, "size": len(content)}
    return [
        inbox.take({**facts, "offset": start}, content[start : start + step])
        for start in range(0, len(content), step)
    ]


def test_pieces_become_the_file():
    content, inbox = bytes(range(256)) * 9, Inbox(Limits())
    *before, last = send(inbox, "a.png", content, 3)
    assert before == [None, None]
    assert last == content
    assert inbox.received == len(content)


def test_an_inbox_takes_one_file_after_the_other():
    inbox = Inbox(Limits(100, 100, 100))
    assert send(inbox, "C:\\a.png", b"abcdef", 3) == [None, None, b"abcdef"]
    assert (inbox.name, inbox.received) == ("a.png", 6)
    inbox.take({"name": "b.png", "size": 6, "offset": 0}, b"abc")
    assert inbox.received == 3
    assert send(inbox, "c.png", b"xy", 1) == [b"xy"]  # b.png was given up
    assert inbox.name == "c.png"


def test_what_follows_on_a_refused_piece_is_dropped():
    inbox = Inbox(Limits(100, 100, 100))
    inbox.take({"name": "a.png", "size": 6, "offset": 0}, b"abc")
    with pytest.raises(PictureError, match="did not arrive whole"):
        inbox.take({"name": "a.png", "size": 6, "offset": 4}, b"e")
    assert inbox.received == 0
    assert inbox.take({"name": "a.png", "size": 6, "offset": 3}, b"def") is None
    with pytest.raises(PictureError, match="above the limit"):
        inbox.take({"name": "b.png", "size": 101, "offset": 0}, b"abc")
    assert inbox.take({"name": "b.png", "size": 101, "offset": 3}, b"def") is None


@pytest.mark.parametrize("size", [1, 2**21, 2**21 + 1, 5_000_000])
def test_a_file_leaves_in_pieces_that_fit_into_messages(size):
    content = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
    content = content[:size]
    pieces = list(in_pieces("big.png", content))
    assert b"".join(piece for _, piece in pieces) == content
    assert max(len(piece) for _, piece in pieces) < 10_000_000  # a server's limit
    assert {facts["size"] for facts, _ in pieces} == {size}
    ends = [facts["offset"] + len(piece) for facts, piece in pieces]
    assert [facts["offset"] for facts, _ in pieces] == [0, *ends[:-1]]
