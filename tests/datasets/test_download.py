"""Downloads against a server on this machine that misbehaves in every usual way."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from vdsr_lib import datasets
from vdsr_lib.datasets import catalogue, download, transfer
from vdsr_lib.errors import DataError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENTS = {
    f"p{i}.png": hashlib.sha256(b"%d" % i).digest() * (200 + i) for i in range(1, 13)
}
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def whole(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer as a server should."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def corrupted(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer with one byte changed."""
    whole(request, bytes([body[0] ^ 1]) + body[1:])


def truncated(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Announce all and send half."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])


def truncated_unannounced(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send half, and say no length."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(body[: len(body) // 2])


def status(code: int) -> Answer:
    """Answer with a status and a page of text."""

    def answer(request: BaseHTTPRequestHandler, _: bytes) -> None:
        request.send_response(code)
        request.end_headers()
        request.wfile.write(b"<html>no</html>")

    return answer


def after(seconds: float) -> Answer:
    """Be silent for a while, then answer as one should."""

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(seconds)
        whole(request, body)

    return answer


def stalled(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """Announce all, send half, and be silent."""
    with suppress(OSError):  # the client is gone by then
        truncated(request, body)
        request.wfile.flush()
        time.sleep(2.0)


def turning(request: BaseHTTPRequestHandler, _: bytes) -> None:
    """Send from one address to the same, without end, as a login page can."""
    request.send_response(302)
    request.send_header("Location", request.path)
    request.end_headers()


def in_turn(*answers: Answer) -> Answer:
    """Answer the first request so, the second so, and the later ones as the last."""
    left = list(answers)

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request, body)

    return answer


@dataclass
class Lab:
    """A data set of twelve files, the server that has it, and a place to put it."""

    root: Path
    declaration: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None
    port: int = 0
    gone_after: int = 10**9

    @property
    def folder(self) -> Path:
        """Where the files go."""
        return self.root / "tiny"

    def start(self) -> None:
        """Serve, at the same port as before if there was one."""
        lab = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                lab.asked[name] += 1
                lab.paths.append(self.path)
                if lab.asked.total() > lab.gone_after:
                    lab.server.socket.close()  # nobody listens any more
                    return
                lab.answers.get(name, whole)(self, CONTENTS[name])

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self.server.server_address[1]
        threading.Thread(target=self._serve, args=(self.server,), daemon=True).start()

    @staticmethod
    def _serve(server: ThreadingHTTPServer) -> None:
        with suppress(OSError, ValueError):  # its socket may be closed by a test
            server.serve_forever(0.02)

    def declare(self) -> None:
        """Write the list of sources that the library reads."""
        rows = "\n".join(
            f'["{name}", {len(body)}, "{hashlib.sha256(body).hexdigest()}"],'
            for name, body in CONTENTS.items()
        )
        self.declaration.write_text(
            f'url = "http://127.0.0.1:{self.port}/{{repository}}/{{commit}}/{{path}}"\n'
            '[sets.tiny]\ntitle = "Tiny"\nuse = "training"\nwhat = "12 files"\n'
            'terms = "none stated"\nterms_note = "Nobody says."\ncite = "Nobody"\n'
            f'repository = "some/where"\ncommit = "{COMMIT}"\nfolder = "a/b"\n'
            f"files = [\n{rows}\n]\n"
            '[composites.both]\ntitle = "B"\nuse = "training"\nwhat = "tiny"\n'
            'parts = ["tiny"]\n'
        )

    def fetch(self, **options: object) -> list[Path]:
        """Fetch the set without a bar."""
        options = {"data_dir": self.root, "progress": False, **options}
        return datasets.fetch("tiny", **options)  # type: ignore[arg-type]

    def right(self) -> set[str]:
        """The files that are there and right; anything else there is an error."""
        if not self.folder.is_dir():
            return set()
        found = {p.name: p for p in self.folder.iterdir() if p.suffix == ".png"}
        for name, path in found.items():
            assert path.read_bytes() == CONTENTS[name], f"{name} is partial or wrong"
        others = {p.name for p in self.folder.iterdir()} - set(found)
        assert others <= {"TERMS.txt", ".lock"}, others
        return set(found)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A running server, and a library that knows only its data set."""
    made = Lab(tmp_path / "data", tmp_path / "sources.toml")
    made.start()
    made.declare()
    monkeypatch.setattr(catalogue, "data_file", lambda *_: made.declaration)
    monkeypatch.setattr(transfer, "WAITS", (0.01, 0.01))
    catalogue.sources.cache_clear()
    catalogue.composites.cache_clear()
    yield made
    made.server.shutdown()
    made.server.server_close()
    catalogue.sources.cache_clear()
    catalogue.composites.cache_clear()


# --- what should happen -----------------------------------------------------------


def test_everything_arrives_in_natural_order(lab: Lab):
    files = lab.fetch()
    assert [path.name for path in files] == list(CONTENTS)
    assert [path.read_bytes() for path in files] == list(CONTENTS.values())
    assert lab.right() == set(CONTENTS)


def test_each_file_is_asked_for_at_its_pinned_place(lab: Lab):
    lab.fetch()
    assert sorted(lab.paths) == sorted(
        f"/some/where/{COMMIT}/a/b/{name}" for name in CONTENTS
    )


def test_a_second_call_asks_for_nothing_and_touches_nothing(lab: Lab):
    before = [path.stat().st_mtime_ns for path in lab.fetch()]
    assert [path.stat().st_mtime_ns for path in lab.fetch()] == before
    assert set(lab.asked.values()) == {1}


def test_a_composite_fetches_its_parts_and_a_name_may_be_in_capitals(lab: Lab):
    files = datasets.fetch("BOTH", data_dir=lab.root, progress=False)
    assert [path.name for path in files] == list(CONTENTS)
    assert lab.right() == set(CONTENTS)


def test_only_what_is_missing_or_damaged_is_asked_for(lab: Lab):
    lab.fetch()
    lab.asked.clear()
    (lab.folder / "p3.png").unlink()
    damaged = lab.folder / "p5.png"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")  # same length
    lab.fetch()
    assert lab.asked == {"p3.png": 1, "p5.png": 1}
    assert lab.right() == set(CONTENTS)


def test_a_mirror_has_the_layout_of_a_data_folder(lab: Lab):
    lab.fetch(base_url=f"http://127.0.0.1:{lab.port}/class/")
    assert sorted(lab.paths) == sorted(f"/class/tiny/{name}" for name in CONTENTS)
    assert lab.right() == set(CONTENTS)


def test_terms_are_shown_once_and_kept_beside_the_pictures(lab: Lab, capsys):
    lab.fetch()
    shown = capsys.readouterr().err
    assert "Terms of use: none stated. Nobody says." in shown
    assert (lab.folder / "TERMS.txt").read_text().strip() == shown.strip()
    (lab.folder / "p1.png").unlink()
    lab.fetch()
    assert capsys.readouterr().err == ""


def test_the_bar_counts_bytes_and_begins_at_what_is_here(lab: Lab, monkeypatch):
    bars: list[FakeBar] = []

    class FakeBar:
        def __init__(self, **options: object) -> None:
            self.options, self.count = options, options["initial"]
            bars.append(self)

        def update(self, count: int) -> None:
            self.count += count

        def __enter__(self) -> FakeBar:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(download, "progress_bar", FakeBar)
    lab.fetch(progress=True)
    (lab.folder / "p1.png").unlink()
    lab.fetch(progress=True)
    total = sum(map(len, CONTENTS.values()))
    first, second = bars
    assert (first.options["initial"], first.count) == (0, total)
    assert second.options["initial"] == total - len(CONTENTS["p1.png"])
    assert second.count == total
    assert not first.options["disable"]


def test_files_have_ordinary_permissions(lab: Lab, tmp_path: Path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    modes = {path.stat().st_mode & 0o777 for path in lab.fetch()}
    assert modes == {ordinary.stat().st_mode & 0o777}


def test_pooch_says_nothing_and_gets_its_voice_back(lab: Lab):
    said: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = said.append  # type: ignore[method-assign]
    logger = pooch.get_logger()
    logger.addHandler(listener)
    try:
        logger.info("before")
        lab.fetch()
        logger.info("after")
        assert [record.getMessage() for record in said] == ["before", "after"]
    finally:
        logger.removeHandler(listener)


def test_an_embedded_set_needs_no_server(lab: Lab):
    files = datasets.fetch("embedded-test")
    assert [path.name for path in files] == [
        picture.file for picture in datasets.EMBEDDED["embedded-test"]
    ]
    assert all(path.is_file() for path in files)
    assert not lab.asked


def test_a_slow_start_is_waited_for(lab: Lab, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", 5.0)
    lab.answers = dict.fromkeys(CONTENTS, after(0.3))
    lab.fetch()
    assert lab.right() == set(CONTENTS)
    assert set(lab.asked.values()) == {1}


# --- what goes wrong --------------------------------------------------------------


def check_sentence(error: DataError, lab: Lab) -> str:
    """Return the text, which must be one line with the way by hand."""
    text = str(error)
    assert "\n" not in text
    page = f"https://github.com/some/where/tree/{COMMIT}/a/b"
    assert f"by hand: copy the files of {page} to {lab.folder}" in text
    return text


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (corrupted, "p4.png: what came has the wrong sha256", 3),
        (truncated_unannounced, "p4.png: what came has the wrong sha256", 3),
        (status(404), "p4.png: 127.0.0.1:{port} answers 404 Not Found", 1),
        (status(403), "p4.png: 127.0.0.1:{port} answers 403 Forbidden", 1),
    ],
)
def test_one_bad_file_is_named_and_the_others_are_kept(
    lab: Lab, answer: Answer, reason: str, requests: int
):
    lab.answers["p4.png"] = answer
    with pytest.raises(DataError) as caught:
        lab.fetch()
    text = check_sentence(caught.value, lab)
    assert text.startswith("1 of the 12 files of tiny could not be downloaded")
    assert reason.format(port=lab.port) in text
    assert lab.asked["p4.png"] == requests
    assert lab.right() == set(CONTENTS) - {"p4.png"}

    lab.answers.clear()
    lab.asked.clear()
    lab.fetch()
    assert lab.asked == {"p4.png": 1}
    assert lab.right() == set(CONTENTS)


def test_many_bad_files_are_counted_and_three_are_named(lab: Lab):
    lab.answers = dict.fromkeys(CONTENTS, status(404))
    with pytest.raises(DataError, match=r"^12 of the 12 files .*; and 9 more\)"):
        lab.fetch()
    lab.answers = dict.fromkeys(list(CONTENTS)[:3], status(404))
    with pytest.raises(DataError, match=r"^3 of the 12 files [^)]* 404 Not Found\)"):
        lab.fetch()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (truncated, "127.0.0.1:{port} broke the connection off"),
        (status(500), "127.0.0.1:{port} answers 500 Internal Server Error"),
        (status(429), "127.0.0.1:{port} answers 429 Too Many Requests: wait some"),
        (after(2.0), "127.0.0.1:{port} was silent for 0.4 s"),
        (stalled, "127.0.0.1:{port} was silent for 0.4 s"),
    ],
)
def test_a_sick_server_ends_the_call_and_the_next_one_goes_on(
    lab: Lab, monkeypatch, answer: Answer, reason: str
):
    monkeypatch.setattr(transfer, "TIMEOUT", 0.4)
    lab.answers["p9.png"] = answer
    with pytest.raises(DataError) as caught:
        lab.fetch(workers=1)
    text = check_sentence(caught.value, lab)
    assert f"tiny/p9.png could not be downloaded: {reason.format(port=lab.port)}" in (
        text
    )
    assert lab.asked["p9.png"] == 3
    kept = lab.right()
    assert {f"p{i}.png" for i in range(1, 9)} <= kept
    assert "p9.png" not in kept

    lab.answers.clear()
    lab.asked.clear()
    lab.fetch()
    assert set(lab.asked) == set(CONTENTS) - kept
    assert lab.right() == set(CONTENTS)


def test_a_server_that_only_sends_elsewhere_is_not_said_to_be_out_of_reach(lab: Lab):
    lab.answers = dict.fromkeys(CONTENTS, turning)
    with pytest.raises(DataError) as caught:
        lab.fetch(workers=1)
    said = f"127.0.0.1:{lab.port} sends from one address to the next without end"
    assert said in check_sentence(caught.value, lab)


@pytest.mark.parametrize("bad", [status(503), truncated, corrupted])
def test_a_passing_fault_is_survived(lab: Lab, bad: Answer):
    lab.answers["p2.png"] = in_turn(bad, bad, whole)
    lab.fetch()
    assert lab.asked["p2.png"] == 3
    assert lab.right() == set(CONTENTS)


def test_a_server_that_goes_away_leaves_whole_files_and_comes_back(lab: Lab):
    lab.gone_after = 5
    with pytest.raises(DataError) as caught:
        lab.fetch(workers=2)
    text = check_sentence(caught.value, lab)
    assert f"127.0.0.1:{lab.port} cannot be reached" in text or "broke" in text
    kept = lab.right()
    assert 3 <= len(kept) <= 5

    lab.server.server_close()
    lab.gone_after = 10**9
    lab.asked.clear()
    lab.start()
    lab.fetch()
    assert lab.right() == set(CONTENTS)
    assert set(lab.asked) == set(CONTENTS) - kept


def test_no_network(lab: Lab):
    with pytest.raises(DataError) as caught:
        lab.fetch(base_url="http://127.0.0.1:9")  # the discard port: nobody listens
    assert "127.0.0.1:9 cannot be reached" in check_sentence(caught.value, lab)
    assert lab.right() == set()


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "localhost:70000"])
def test_a_host_that_cannot_be_is_not_said_to_have_sent_something(lab: Lab, host: str):
    with pytest.raises(DataError) as caught:
        lab.fetch(base_url=f"http://{host}/data")
    text = check_sentence(caught.value, lab)
    assert f"could not be downloaded: {host} is no possible address" in text


def test_a_server_without_https_is_not_said_to_have_a_bad_certificate(lab: Lab):
    with pytest.raises(DataError) as caught:
        lab.fetch(base_url=f"https://127.0.0.1:{lab.port}")
    said = f"no secure connection to 127.0.0.1:{lab.port}: it has no https, or a cert"
    assert said in check_sentence(caught.value, lab)


@pytest.mark.parametrize(
    "address",
    [
        *("file:///tmp/data", "/tmp/data", "ftp://host/x"),
        *("http://", "https:///tiny", "http://[::1", "http://a b"),
    ],
)
def test_a_mirror_must_be_a_web_address(lab: Lab, address: str):
    with pytest.raises(ValueError, match=r"http:// or https://.*VDSR_DATA_DIR"):
        lab.fetch(base_url=address)
    assert not lab.root.exists()


@pytest.mark.parametrize("workers", [0, -1, 33])
def test_impossible_numbers_of_workers(lab: Lab, workers: int):
    with pytest.raises(
        ValueError, match=rf"workers must be in \[1, 32\], got {workers}"
    ):
        lab.fetch(workers=workers)


def test_an_unknown_name_lists_the_known_ones(lab: Lab):
    with pytest.raises(DataError, match=r"'tiney' \(did you mean 'tiny'\?\).*both"):
        datasets.fetch("tiney", data_dir=lab.root)


# --- the disk ---------------------------------------------------------------------


def test_a_disk_that_fills_up(lab: Lab, monkeypatch):
    real = pooch.HTTPDownloader.__call__

    def fills_up(self, url: str, output_file: str, *rest: object) -> None:
        if url.endswith("p7.png"):
            Path(output_file).write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), output_file)
        real(self, url, output_file, *rest)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fills_up)
    with pytest.raises(DataError, match=rf"disk of {lab.folder} is full: make room"):
        lab.fetch(workers=1)
    assert lab.right() >= {f"p{i}.png" for i in range(1, 7)}
    monkeypatch.undo()


def test_a_disk_without_room_is_refused_before_anything_is_asked(lab: Lab, monkeypatch):
    usage = shutil.disk_usage(lab.root.parent)._replace(free=50_000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"tiny needs 0\.1 MB in .*, where 0\.1 MB are"):
        lab.fetch()
    assert not lab.asked


def test_a_folder_that_cannot_be_made(lab: Lab, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"tiny cannot be kept in .*VDSR_DATA_DIR"):
        lab.fetch(data_dir=tmp_path / "file")


def test_a_folder_that_may_not_be_written(lab: Lab, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(download, "write_atomically", refuse)
    with pytest.raises(DataError, match=r"tiny cannot be kept .*Permission denied"):
        lab.fetch()


def test_a_complete_set_is_used_where_nothing_may_be_written(lab: Lab, monkeypatch):
    lab.fetch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "touch", "write_bytes", "unlink", "replace"):
        monkeypatch.setattr(Path, name, refuse)
    assert len(lab.fetch()) == len(CONTENTS)


# --- interrupted, and two at once -------------------------------------------------


def test_an_interrupt_ends_files_under_way_and_leaves_whole_ones(lab: Lab, monkeypatch):
    real, begun = transfer.Transfer.get, threading.Event()

    def slow(request: BaseHTTPRequestHandler, body: bytes) -> None:
        begun.set()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        for start in range(0, len(body), 100):
            request.wfile.write(body[start : start + 100])
            time.sleep(0.5)

    def get(self: transfer.Transfer, file: catalogue.SourceFile) -> None:
        if file.name == "p2.png":
            assert begun.wait(30)
            raise KeyboardInterrupt
        real(self, file)

    lab.answers["p1.png"] = slow  # 32 s in all
    monkeypatch.setattr(transfer, "_CHUNK", 128)
    monkeypatch.setattr(transfer.Transfer, "get", get)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        lab.fetch(workers=2)
    assert time.monotonic() - start < 15
    assert not lab.right() & {"p1.png", "p2.png"}


SCRIPT = """
import sys
from pathlib import Path
from vdsr_lib import datasets
from vdsr_lib.datasets import catalogue
catalogue.data_file = lambda *_: Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
datasets.fetch("tiny", data_dir=sys.argv[2], progress=False, workers=2)
"""


def other_processes(lab: Lab, count: int) -> list[subprocess.Popen[str]]:
    """Start processes that fetch the set, all at the same moment."""
    command = [sys.executable, "-c", SCRIPT, str(lab.declaration), str(lab.root)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    processes = [
        subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


@pytest.mark.slow
def test_two_processes_take_turns(lab: Lab):
    lab.answers = dict.fromkeys(
        CONTENTS, after(0.5)
    )  # 3 s: the other one comes by then
    processes = other_processes(lab, 2)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert lab.right() == set(CONTENTS)
    assert set(lab.asked.values()) == {1}  # nothing was downloaded twice
    assert sum("waiting for it" in text for text in said) == 1


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_partial_in_sight(lab: Lab):
    lab.answers["p3.png"] = lab.answers["p4.png"] = after(20)
    (process,) = other_processes(lab, 1)
    deadline = time.monotonic() + 30
    while not {"p3.png", "p4.png"} <= set(lab.asked):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert (lab.folder / ".partial").is_dir()  # what was under way, out of sight
    assert {p.name for p in lab.folder.glob("*.png")} == {"p1.png", "p2.png"}

    lab.answers.clear()
    lab.fetch()
    assert lab.right() == set(CONTENTS)  # and .partial is gone


# --- checking ---------------------------------------------------------------------


def test_verify_and_presence_tell_right_wrong_and_missing(lab: Lab):
    assert datasets.presence("tiny", data_dir=lab.root) == (0, 12)
    lab.fetch()
    assert datasets.presence("tiny", data_dir=lab.root) == (12, 12)
    (lab.folder / "p1.png").unlink()
    (lab.folder / "p2.png").write_bytes(b"short")
    same = lab.folder / "p3.png"
    same.write_bytes(same.read_bytes()[:-1] + b"?")
    assert datasets.presence("tiny", data_dir=lab.root) == (10, 12)  # by length
    found = datasets.verify("both", data_dir=lab.root)
    assert found["missing"] == ["tiny/p1.png"]
    assert found["wrong"] == ["tiny/p2.png", "tiny/p3.png"]
    assert len(found["right"]) == 9


def test_a_file_that_cannot_be_read_is_named(lab: Lab, monkeypatch):
    lab.fetch()

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"p1\.png cannot be read \(Permission denied"):
        datasets.verify("tiny", data_dir=lab.root)
