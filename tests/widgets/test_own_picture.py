"""The widget's traits and messages, as a page would use them, without a browser."""

from __future__ import annotations

import sys
import threading
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from vdsr_lib.images import Picture
from vdsr_lib.models import VDSR
from vdsr_lib.upscaling import upscale
from vdsr_lib.weights import weights_file
from vdsr_lib.widgets import own_picture
from vdsr_lib.widgets.own_picture import OwnPicture
from vdsr_lib.widgets.samples import letters, sample_pictures
from vdsr_lib.widgets.uploads import Limits


@pytest.fixture
def widget() -> OwnPicture:
    torch.manual_seed(0)
    return own_picture(models={"net": VDSR(3, 8)}, scale=2.5)


def file_bytes(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def upload(widget: OwnPicture, name: str, content: bytes, piece: int = 1000) -> None:
    """Send a file as the page does."""
    for start in range(0, max(1, len(content)), piece):
        facts = {"do": "piece", "name": name, "size": len(content), "offset": start}
        facts["id"] = f"upload of {name}"
        widget.receive(facts, [memoryview(content[start : start + piece])])
    assert widget.wait(60)


def listen(widget: OwnPicture, monkeypatch) -> list:
    sent: list = []
    monkeypatch.setattr(
        widget, "send", lambda content, buffers=None: sent.append((content, buffers))
    )
    return sent


def test_it_begins_with_a_sample_and_a_result(widget):
    assert (widget.stage, widget.problem) == ("done", "")
    assert widget.name == "astronaut"
    assert widget.model == "net"  # the first network given, not bicubic
    assert widget.target == [480, 480]
    assert repr(widget) == "OwnPicture(astronaut, 192 x 192, x2.5 by net)  # 480 x 480"
    comparison = widget.comparison
    assert comparison.names == ["original pixels", "bicubic", "net"]
    assert (comparison.left, comparison.right) == ("bicubic", "net")
    assert widget.box.children == (widget, widget.comparison)
    assert widget.needs_kernel
    assert [choice["value"] for choice in widget.models][:2] == ["bicubic", "net"]


def test_its_output_holds_both_widgets_and_a_picture(widget):
    data, metadata = widget._repr_mimebundle_()
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == widget.box.model_id
    assert data["image/png"].startswith("iVBOR")
    alt = metadata["image/png"]["alt"]
    assert alt.startswith("Comparison of original pixels, bicubic and net, 480 by 480")


def test_an_upload_in_pieces_is_enlarged(widget, monkeypatch):
    sent = listen(widget, monkeypatch)
    pixels = noise(30, 40, 4)
    upload(widget, "C:\\mine\\veil.png", file_bytes(pixels))
    assert (widget.stage, widget.problem) == ("done", "")
    assert (widget.name, widget.size) == ("veil.png", [30, 40])
    assert widget.kind == "colour with transparency"
    received = [content["received"] for content, _ in sent]
    assert received == sorted(received)
    assert received[-1] == len(file_bytes(pixels))
    assert {content["id"] for content, _ in sent} == {"upload of C:\\mine\\veil.png"}
    sent.clear()
    widget.receive({"do": "download", "id": "the second"})
    assert widget.wait(60)
    assert {content["id"] for content, _ in sent} == {"the second"}
    assert {content["name"] for content, _ in sent} == {"veil_x2.5_net.png"}
    whole = b"".join(bytes(buffers[0]) for _, buffers in sent)
    assert len(whole) == sent[0][0]["size"]
    network = widget._networks["net"]
    expected = upscale(pixels, 2.5, model=network, device="cpu")
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(whole))), expected)


def test_a_bad_file_gets_its_sentence_and_the_widget_stays_usable(widget, monkeypatch):
    sent = listen(widget, monkeypatch)
    good = file_bytes(noise(20, 20))
    for name, content, sentence in (
        ("page.png", b"<html>no</html>", "page.png is not a picture but a web page"),
        ("cut.png", good[:400], "cut.png is cut off or damaged"),
        ("empty.png", b"", "empty.png is empty (0 bytes)"),
    ):
        upload(widget, name, content)
        assert widget.problem.startswith(sentence)
        assert widget.stage == "done"  # the result before it is still there
        assert sent[-1][0] == {"do": "refused"}
    upload(widget, "good.png", good)
    assert (widget.problem, widget.stage, widget.name) == ("", "done", "good.png")


@pytest.fixture
def held(widget, monkeypatch):
    """Hold the work at two fifths until it is told to go on."""
    module = sys.modules[OwnPicture.__module__]
    real, arrived, go_on = module.enlarge, threading.Event(), threading.Event()

    def slow(order, watch):
        watch(0.4)
        arrived.set()
        assert go_on.wait(60)
        return real(order, watch)

    monkeypatch.setattr(module, "enlarge", slow)
    widget.receive({"do": "enlarge"})
    assert arrived.wait(60)
    yield go_on
    go_on.set()
    assert widget.wait(60)


def refuse_text(widget: OwnPicture) -> None:
    """Send a file that is no picture, and do not wait."""
    content = b"no picture"
    facts = {"do": "piece", "name": "a.png", "size": len(content), "offset": 0}
    widget.receive(facts, [content])
    assert widget.problem.startswith("a.png is not a picture of a known kind")


def test_a_bad_file_takes_nothing_from_the_work_that_runs(widget, held):
    refuse_text(widget)
    assert (widget.stage, widget.progress) == ("working", 0.4)
    assert widget.status == "Enlarging by net ..."
    held.set()
    assert widget.wait(60)
    assert (widget.stage, widget.progress) == ("done", 1.0)
    assert widget.status.startswith("480 \u00d7 480 pixels in")
    assert widget.problem.startswith("a.png is not")  # not swept away by the result
    widget.receive({"do": "enlarge"})
    assert widget.wait(60)
    assert widget.problem == ""


def test_a_bad_file_takes_nothing_from_a_result(widget):
    before = widget.status
    refuse_text(widget)
    assert (widget.stage, widget.progress) == ("done", 1.0)
    assert widget.status == before


def test_work_that_is_stopped_sweeps_no_problem_away(widget, held):
    widget._limits = Limits(result_pixels=10)
    widget.scale = 3
    assert widget.problem.startswith("astronaut would become 576 x 576 pixels")
    held.set()
    assert widget.wait(60)
    assert widget.problem.startswith("astronaut would become 576 x 576 pixels")
    assert widget.stage == "ready"


def test_a_choice_that_is_changed_while_a_result_is_shown_stands(widget, monkeypatch):
    """The thread that shows a result, and the reader who has moved on meanwhile."""
    show = widget.comparison.show

    def meanwhile(**pictures) -> None:
        show(**pictures)
        widget.scale = 3.0

    monkeypatch.setattr(sys.modules[OwnPicture.__module__], "_AT_ONCE", 0)
    monkeypatch.setattr(widget.comparison, "show", meanwhile)
    widget.start()
    assert widget.wait(60)
    assert (widget.problem, widget.stage, widget.enlarged) == ("", "ready", None)
    assert "press Enlarge" in widget.status


def test_work_that_a_choice_ends_leaves_what_the_choice_says(widget, monkeypatch):
    begun = threading.Event()

    def slow(_order, watch):
        begun.set()
        while True:
            watch(0.5)

    monkeypatch.setattr(sys.modules[OwnPicture.__module__], "_AT_ONCE", 0)
    monkeypatch.setattr(sys.modules[OwnPicture.__module__], "enlarge", slow)
    widget.start()
    assert begun.wait(60)
    widget.scale = 3.0
    assert widget.wait(60)
    assert widget.stage == "ready"
    assert "press Enlarge" in widget.status


def test_limits_are_enforced_before_decoding(monkeypatch):
    widget = own_picture(limits=Limits(5000, 40_000, 150_000))
    assert "at most 0.01 MB and 0.04 megapixels" in widget.limits_text
    widget.receive({"do": "piece", "name": "b.png", "size": 5001, "offset": 0}, [b"x"])
    assert widget.problem.startswith("b.png has 0.01 MB, above the limit")
    widget.receive({"do": "piece", "name": "b.png", "size": 5001, "offset": 1}, [b"x"])
    assert widget.problem.startswith("b.png has 0.01 MB, above")  # not a second one
    flat = file_bytes(np.zeros((210, 210), np.uint8))
    upload(widget, "flat.png", flat)
    assert "flat.png has 210 x 210 pixels, above the limit of 40,000" in widget.problem
    widget.scale = 3
    assert widget.wait(60)
    assert "astronaut would become 576 x 576 pixels, above the" in widget.problem
    assert widget.stage == "ready"
    widget.scale = 2
    assert widget.wait(60)
    assert (widget.stage, widget.problem) == ("done", "")


def test_choices_are_followed(widget):
    widget.task = "restore"
    assert widget.wait(60)
    assert widget.comparison.reference == "original"
    assert widget.comparison.border == 3
    assert "bicubic: " in widget.status
    assert "net: " in widget.status
    widget.comparison.left = "original"
    widget.scale = 2.4
    assert widget.wait(60)
    assert (widget.comparison.left, widget.comparison.right) == ("original", "net")
    widget.model = "bicubic"
    assert widget.wait(60)
    assert widget.comparison.names == ["original", "bicubic"]
    widget.model = "net"
    assert widget.wait(60)
    assert (widget.comparison.left, widget.comparison.right) == ("bicubic", "net")
    widget.receive({"do": "sample", "name": "letters"})
    assert widget.wait(60)
    assert widget.name == "letters"
    np.testing.assert_array_equal(widget.enlarged.order.picture.pixels, letters())


def test_long_work_waits_for_the_button_and_can_be_cancelled(widget, monkeypatch):

    module = sys.modules[OwnPicture.__module__]
    monkeypatch.setattr(module, "_AT_ONCE", 0)
    widget.scale = 2
    assert widget.wait(60)
    assert widget.stage == "ready"
    assert widget.status.startswith("This takes a while: press Enlarge")
    shares = []

    def stop_half_way(change) -> None:
        shares.append(change["new"])
        if change["new"] > 0.3:
            widget.receive({"do": "cancel"})

    widget.observe(stop_half_way, "progress")
    widget.receive({"do": "enlarge"})
    assert widget.wait(60)
    assert (widget.stage, widget.enlarged) == ("ready", None)
    assert widget.status == "Stopped; nothing was made."
    assert max(shares) < 1
    widget.unobserve(stop_half_way, "progress")
    widget.receive({"do": "enlarge"})
    assert widget.wait(60)
    assert (widget.stage, widget.progress) == ("done", 1.0)


def test_an_unexpected_error_is_shown_not_swallowed(widget, monkeypatch):
    module = sys.modules[OwnPicture.__module__]

    def broken(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(module, "enlarge", broken)
    widget.receive({"do": "enlarge"})
    assert widget.wait(60)
    assert widget.problem == "RuntimeError: no such luck"
    monkeypatch.setattr(
        module, "enlarge", lambda *_: (_ for _ in ()).throw(MemoryError)
    )
    widget.receive({"do": "enlarge"})
    assert widget.wait(60)
    assert widget.problem.startswith("the memory does not suffice")


def test_a_network_that_diverged_is_named():
    net = VDSR(3, 8)
    with torch.no_grad():
        net.body[0].bias.fill_(float("nan"))
    widget = own_picture(model="bicubic", models={"nan": net})
    widget.model = "nan"
    assert widget.wait(60)
    assert "gives NaN or infinity: its training diverged" in widget.problem


def test_a_large_result_is_compared_in_part(widget):
    widget.begin(noise(500, 700), scale=3, model="bicubic")
    assert widget.comparison.size == [1024, 1024]
    before = widget.window
    widget.detail = (0.0, 0.0)
    assert widget.window[:2] == [0, 0]
    assert widget.window != before
    part = widget.enlarged.bicubic[:1024, :1024]
    from vdsr_lib.widgets.content import decoded

    shown = widget.comparison
    index = shown.series[shown.names.index("bicubic")][0]
    np.testing.assert_array_equal(decoded(shown.pixels[index]), part)


def test_what_it_begins_with_may_be_a_file_an_array_or_a_sample(tmp_path):
    pixels = noise(9, 8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    for given in (tmp_path / "mine.png", pixels, Picture(pixels)):
        made = own_picture(given, model="bicubic")
        np.testing.assert_array_equal(made.enlarged.order.picture.pixels, pixels)
    assert own_picture("coins", model="bicubic").name == "coins"


def test_mistakes_in_python_are_raised(tmp_path):
    with pytest.raises(Exception, match="model must be one of bicubic"):
        own_picture(model="nobody")
    with pytest.raises(Exception, match=r"scale|minimum|maximum"):
        own_picture(scale=9)
    with pytest.raises(Exception, match="does not exist"):
        own_picture(tmp_path / "gone.png")


def test_the_scores_of_shipped_weights_have_a_name_and_a_unit():
    about = {choice["value"]: choice["about"] for choice in OwnPicture().models}
    scores = "Set5 x2 36.31, Set14 x2 32.12, B100 x2 31.10, Urban100 x2 29.02"
    assert about["srcnn-915-x2"].endswith(f"; PSNR in dB on test sets: {scores}")


def test_damaged_shipped_weights_are_said_and_bicubic_remains(monkeypatch):
    from vdsr_lib import weights
    from vdsr_lib.errors import WeightsError

    def damaged():
        raise WeightsError("x.safetensors is damaged")

    monkeypatch.setattr(weights, "available_models", damaged)
    widget = OwnPicture()
    assert widget.problem == "x.safetensors is damaged"
    assert [choice["value"] for choice in widget.models] == ["bicubic"]


def test_samples_are_small_and_six():
    samples = sample_pictures()
    assert list(samples) == [
        "astronaut",
        "camera",
        "chelsea",
        "coffee",
        "coins",
        "letters",
    ]
    assert {p.pixels.shape for p in samples.values()} == {(192, 192, 3)}
    dark = letters().min(axis=2) < 60
    assert 0.02 < dark.mean() < 0.2


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def every_kind() -> dict[str, tuple[bytes, list[int], str]]:
    """Files of every kind that is promised: content, rows and columns, what it is."""
    colour = Image.fromarray(noise(12, 20))
    grey = colour.convert("L")
    veiled = Image.fromarray(noise(12, 20, 4))
    rng = np.random.default_rng(2)
    deep = Image.fromarray(rng.integers(0, 2**16, (12, 20), dtype=np.uint16))
    fraction = Image.fromarray(rng.random((12, 20), dtype=np.float32))
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    more = {"save_all": True, "append_images": [colour.rotate(180)]}
    size, on_its_side = [12, 20], [20, 12]
    return {
        "grey.png": (encoded(grey, "PNG"), size, "grey"),
        "grey_veiled.png": (
            encoded(veiled.convert("LA"), "PNG"), size, "grey with transparency"
        ),
        "veiled.webp": (
            encoded(veiled, "WEBP", lossless=True), size, "colour with transparency"
        ),
        "palette.png": (encoded(colour.quantize(16), "PNG"), size, "colour"),
        "cmyk.jpg": (encoded(colour.convert("CMYK"), "JPEG"), size, "colour"),
        "deep.png": (encoded(deep, "PNG"), size, "grey"),
        "fraction.tif": (encoded(fraction, "TIFF"), size, "grey"),
        "phone.jpg": (encoded(colour, "JPEG", exif=turned), on_its_side, "colour"),
        "moving.gif": (encoded(colour, "GIF", **more), size, "colour"),
        "plain.bmp": (encoded(colour, "BMP"), size, "colour"),
        "plain.ppm": (encoded(colour, "PPM"), size, "colour"),
        "plain.jp2": (encoded(colour, "JPEG2000"), size, "colour"),
        "dot.png": (encoded(Image.new("L", (1, 1), 7), "PNG"), [1, 1], "grey"),
    }  # fmt: skip


def test_every_kind_of_picture_that_is_promised_is_taken():
    widget = own_picture(model="bicubic")
    for name, (content, size, kind) in every_kind().items():
        upload(widget, name, content)
        found = widget.problem, widget.name, widget.size, widget.kind, widget.stage
        assert found == ("", name, size, kind, "done")
        rows, columns = widget.enlarged.bicubic.shape[:2]
        assert [rows, columns] == [2 * side for side in size]


def test_short_names_mean_the_weights_that_upscale_takes() -> None:
    """And the page begins with those of "vdsr", not with the first by its letters."""
    best = weights_file("vdsr").stem
    assert OwnPicture().model == best
    assert own_picture(scale=2, model="vdsr").model == best
    for_three = weights_file("srcnn", scale=3).stem
    assert for_three.endswith("-x3")
    assert own_picture(scale=3, model="srcnn").model == for_three
    named = {"vdsr": VDSR(2, 4)}
    assert own_picture(scale=2, model="vdsr", models=named).model == "vdsr"
