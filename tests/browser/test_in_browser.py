"""Your own picture, computed by the browser: held against the library, pixel by pixel.

Here a CPU plays the graphics card, so that pictures are small.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, features

from vdsr_lib.datasets import load_images
from vdsr_lib.images import (
    Picture,
    read_picture,
    rgb_to_luma,
    rgb_to_ycbcr,
    ycbcr_to_rgb,
)
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.resize import imresize
from vdsr_lib.upscaling import upscale
from vdsr_lib.weights import load_model, weights_file
from vdsr_lib.widgets import enlarging, in_browser
from vdsr_lib.widgets.orders import shrunk
from vdsr_lib.widgets.pictured import page_source

from .own_pages import Own, times
from .visits import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


SLICE = 2**14  # of a picture of usual size, as many slices as of a large one

# --- its parts ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(chromium: Any) -> Any:
    """A page in which the parts of the kernel can be called by name."""
    page = chromium.new_page()
    script = page_source(*in_browser.KERNEL).replace("export function", "function")
    assert script.count("const SLICE = 2 ** 20;") == 1
    script = script.replace("const SLICE = 2 ** 20;", f"const SLICE = {SLICE};")
    page.add_script_tag(content=script)
    yield page
    page.close()


def call(parts: Any, text: str, *given: Any) -> Any:
    """Call a function of JavaScript; arrays go as lists, and come back as such."""
    plain = [v.ravel().tolist() if isinstance(v, np.ndarray) else v for v in given]
    return parts.evaluate(f"async (given) => {{ {text} }}", plain)


@pytest.mark.parametrize(
    ("shape", "larger"),
    [
        *(((11, 7), (22, 14)), ((9, 13), (10, 15)), ((6, 6), (23, 25))),
        *(((30, 21), (10, 7)), ((17, 40), (12, 13)), ((5, 9), (9, 5))),
        *(((1, 3), (4, 4)), ((8, 8), (8, 8))),
    ],
)
@pytest.mark.parametrize("kind", [np.float64, np.uint8])
def test_imresize_is_the_librarys(
    parts: Any, shape: tuple[int, int], larger: tuple[int, int], kind: type
) -> None:
    rng = np.random.default_rng(1)
    plane = rng.integers(0, 256, shape).astype(kind)
    script = (
        "return [...await imresize(Float64Array.from(given[0]), ...given.slice(1))]"
    )
    options = {"rounded": kind is np.uint8}
    made = call(parts, script, plane, list(shape), list(larger), options)
    expected = imresize(plane, shape=larger).astype(float).ravel()
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_imresize_is_matlabs(parts: Any, oracles: Path, scale: int) -> None:
    matlab = np.load(oracles / "matlab_imresize_butterfly.npz")
    high, low, up = (matlab[f"butterfly_{scale}_{what}"] for what in ("hr", "lr", "up"))
    script = (
        "return [...await imresize(Float64Array.from(given[0]), given[1], given[2])]"
    )
    for given, expected in ((high, low), (low, up)):
        made = call(parts, script, given, list(given.shape), list(expected.shape))
        np.testing.assert_allclose(made, expected.ravel(), rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    """Colours of the whole cube, with its corners."""
    rng = np.random.default_rng(2)
    corners = np.stack(np.meshgrid(*[[0, 255]] * 3), -1).reshape(-1, 3)
    drawn = rng.integers(0, 256, (192, 3))
    return np.concatenate([corners, drawn]).astype(np.uint8).reshape(8, 25, 3)


def rgba(pixels: np.ndarray) -> np.ndarray:
    """Add an opacity of 255."""
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def test_colour_goes_to_luma_and_back_as_in_the_library(
    parts: Any, colours: np.ndarray
) -> None:
    script = """const [height, width] = given[1];
      const picture = { data: Uint8ClampedArray.from(given[0]), height, width };
      const planes = await Promise.all([0, 1, 2].map((c) => ycbcr(picture, c)));
      const { data } = await inColour(planes, given[1]);
      return [planes.map((plane) => [...plane]), [...await lumaInSlices(picture)],
        [...data]];"""
    shape = list(colours.shape[:2])
    planes, luma, back = call(parts, script, rgba(colours), shape)
    expected = np.moveaxis(rgb_to_ycbcr(colours / 255), -1, 0).reshape(3, -1)
    np.testing.assert_allclose(planes, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(luma, rgb_to_luma(colours).ravel())
    np.testing.assert_array_equal(back, rgba(colours).ravel())


def test_what_is_no_colour_is_clipped_as_in_the_library(parts: Any) -> None:
    planes = np.random.default_rng(3).random((3, 6, 5))
    script = """const planes = given.slice(0, 3).map((p) => Float64Array.from(p));
      return [...(await inColour(planes, given[3])).data]"""
    made = np.reshape(call(parts, script, *planes, [6, 5]), (6, 5, 4))
    expected = np.floor(255 * ycbcr_to_rgb(np.moveaxis(planes, 0, -1)) + 0.5)
    np.testing.assert_array_equal(made[..., :3], expected)


def lumas(shape: tuple[int, int], noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A luma with structure, and the same with noise."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[: shape[0], : shape[1]]
    first = 120 + 90 * np.sin(x / 3) * np.cos(y / 5)
    second = first + rng.normal(0, noise, shape) if noise else first
    return first.astype(np.uint8), np.clip(second, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "border", "noise"),
    [
        *(((30, 41), 2, 9.0), ((30, 41), 0, 90.0), ((17, 200), 3, 0.5)),
        *(((19, 30), 4, 20.0), ((300, 500), 4, 20.0)),  # one row of windows; slices
    ],
)
def test_psnr_and_ssim_are_the_librarys(
    parts: Any, shape: tuple[int, int], border: int, noise: float
) -> None:
    first, second = lumas(shape, noise)
    script = """const lumas = given.slice(0, 2).map((p) => Uint8Array.from(p));
      return [await psnrOf(...lumas, given[2], given[3], breath),
        await ssimOf(...lumas, given[2], given[3], breath)]"""
    made = call(parts, script, first, second, list(shape), border)
    expected = [score(first, second, border=border) for score in (psnr, ssim)]
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("shape", "scale", "most", "has"),
    [
        *(((30, 41), 2.5, 4e6, True), ((18, 41), 3.1, 4e6, False)),
        *(((19, 41), 3.1, 4e6, True), ((30, 41), 2.5, 30 * 41 - 1, False)),
        ((30, 41), 2.5, 30 * 41, True),
    ],
)
def test_a_picture_has_the_scores_that_the_widget_gives_it(
    parts: Any, shape: tuple[int, int], scale: float, most: float, has: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Too small or too large for SSIM, it has PSNR alone, on both sides."""
    first, second = (np.dstack([luma] * 3) for luma in lumas(shape, 9.0))
    monkeypatch.setattr(enlarging, "_SSIM_PIXELS", most)
    expected = enlarging._scores(first, {"it": Picture(second, None, "")}, scale)["it"]
    assert (expected[1] is not None) == has
    script = """const [height, width] = given[2];
      const pictures = given.slice(0, 2).map((p) =>
        ({ data: Uint8ClampedArray.from(p), height, width }));
      return await scoresOf(...pictures, given[3], breath, given[4])"""
    made = call(parts, script, rgba(first), rgba(second), list(shape), scale, most)
    assert made[0] == pytest.approx(expected[0], rel=0, abs=1e-11)
    assert (made[1] is not None) == has
    if has:
        assert made[1] == pytest.approx(expected[1], rel=0, abs=1e-11)


def test_the_largest_picture_that_has_ssim_is_that_of_the_library(parts: Any) -> None:
    assert call(parts, "return SSIM_PIXELS") == enlarging._SSIM_PIXELS


SLICED = {
    "channel": "await channel(picture, 1, pause)",
    "luma and chroma": "await ycbcr(picture, 0, pause)",
    "enlarged": "await imresize(plane, sides, [660, 1100], { pause })",
    "shrunk": "await imresize(plane, sides, [300, 500], { pause })",
    "colour": "await inColour([plane, plane, plane], sides, undefined, pause)",
    "luma": "await lumaInSlices(picture, pause)",
    "kind": "await kindOf(picture.data, ...sides, pause)",
    "on white": "await onWhite(picture, pause)",
    "cut": "await cut(picture, run(0, 600), run(0, 1000), pause)",
    "PSNR": "await psnrOf(luma, luma, sides, 2, pause)",
    "SSIM": "await ssimOf(luma, luma, sides, 2, pause)",
    "clipped": "await keepWithin(plane, sides, [0, 1], pause)",
    "thumbnail": "await thumbnail(picture, 100, pause)",
    "canvas": "await canvasOf(picture, pause)",
    "file": "await readPicture(file, 'a', graphics, { pixels: 1e6 }, pause)",
}


@pytest.mark.parametrize("what", SLICED)
def test_a_large_picture_is_worked_on_in_slices_that_can_be_stopped(
    parts: Any, what: str
) -> None:
    """Between them the page draws, and none goes on once it is not wanted any more."""
    script = f"""globalThis.graphics ??= new Graphics();
      const [height, width] = [600, 1000];
      const sides = [height, width];
      const data = new Uint8ClampedArray(4 * height * width).fill(100);
      const picture = {{ data, height, width, veiled: true }};
      const [plane, luma] = [Float64Array.from(data.subarray(0, height * width)),
        new Uint8Array(height * width)];
      const file = await png(await canvasOf(picture));
      const paused = async (last) => {{
        let count = 0;
        const pause = async () => {{
          await breath();
          if (++count === last) throw STOPPED;
        }};
        try {{
          {SLICED[what]};
        }} catch (error) {{
          if (error !== STOPPED) throw error;
        }}
        return count;
      }};
      return [await paused(Infinity), await paused(1)]"""
    slices, before_the_end = call(parts, script)
    assert slices >= 600 * 1000 / SLICE
    assert before_the_end == 1


@pytest.mark.parametrize(
    "code", [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0xC000, 0x7BFF, 0x3555]
)
def test_float16_is_read_exactly(parts: Any, code: int) -> None:
    bits = np.array([code], "<u2")
    script = "return [...halves(Uint8Array.from(given[0]))]"
    assert call(parts, script, bits.view(np.uint8)) == bits.view("<f2").tolist()


KINDS = ("png", "baseline", "progressive", "strayed", "gif", "bmp", "bmp of OS/2")
KINDS += ("lossy", "lossless", "extended", "avif")


def file_of(kind: str) -> np.ndarray:
    """The bytes of a file of 70 x 50 pixels, of a kind whose size is read."""
    if kind == "avif" and not features.check("avif"):
        pytest.skip("no AVIF in this Pillow: pip install 'pillow>=11.3'")
    picture = Image.fromarray(np.zeros((50, 70, 4), np.uint8))
    plain = picture.convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010E] = "a" * 60_000  # its size stands behind that
    image, name, options = {
        "png": (picture, "PNG", {}),
        "baseline": (plain, "JPEG", {}),
        "progressive": (plain, "JPEG", {"progressive": True, "exif": turned}),
        "strayed": (plain, "JPEG", {}),
        "gif": (plain, "GIF", {}),
        "bmp": (plain, "BMP", {}),
        "bmp of OS/2": (plain, "BMP", {}),
        "lossy": (plain, "WEBP", {}),
        "lossless": (plain, "WEBP", {"lossless": True}),
        "extended": (plain, "WEBP", {"exif": turned}),
        "avif": (plain, "AVIF", {}),
    }[kind]
    stream = BytesIO()
    image.save(stream, name, **options)
    content = stream.getvalue()
    if kind == "strayed":  # bytes before a marker, which decoders pass over
        end = 4 + int.from_bytes(content[4:6], "big")
        content = content[:end] + b"\0\xc0" + b"\x7f" * 9 + content[end:]
    if kind == "bmp of OS/2":  # an older, shorter header
        head = b"BM" + struct.pack("<IHHIIHHHH", 10_626, 0, 0, 26, 12, 70, 50, 1, 24)
        content = head + content[54:]
    return np.frombuffer(content, np.uint8)


STORED = "return await storedSize(new Blob([Uint8Array.from(given[0])]))"


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_a_picture_is_known_by_its_file(parts: Any, kind: str) -> None:
    """Or none is, where the browser reads what other decoders call damaged."""
    script = f"""const size = await (async () => {{ {STORED} }})();
      const {{ width, height }} = await createImageBitmap(
        new Blob([Uint8Array.from(given[0])]));
      return [size ?? null, [width, height].sort()]"""
    size, decoded = call(parts, script, file_of(kind))
    assert decoded == [50, 70]  # as it is shown: one of these is turned
    assert size == (None if kind == "strayed" else [70, 50])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_says_no_size_of_its_own(parts: Any, kind: str) -> None:
    """At any place: the size, or none."""
    content = file_of(kind)
    places = range(0, min(len(content), 400), 3)
    script = f"""const sizes = [];
      for (const end of given[1]) {{
        const cut = given[0].slice(0, end);
        sizes.push(await (async (given) => {{ {STORED} }})([cut]) ?? null);
      }}
      return sizes"""
    sizes = call(parts, script, content, list(places))
    assert all(size in (None, [70, 50]) for size in sizes)
    assert None in sizes


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(("srcnn-915-x3", (14, 20)), ("srcnn-955-x2", (17, 11))),
        *(("vdsr-291-short", (16, 20)), ("srcnn-915-x2", (8, 430))),
    ],
)
def test_a_network_gives_what_it_gives_in_torch(
    parts: Any, name: str, shape: tuple[int, int]
) -> None:
    """To the rounding of float32, at borders too, and where windows meet (430)."""
    camera = load_images("embedded-test")["coffee"][40 : 40 + shape[0], : shape[1]]
    ilr = rgb_to_luma(camera).astype(np.float32) / 255
    script = """globalThis.graphics ??= new Graphics();
      const network = new Network(graphics, Uint8Array.from(given[0]));
      const shares = [];
      const made = await network.run(
        Float32Array.from(given[1]), given[2], given[3], (share) => shares.push(share));
      return [[...made], shares]"""
    weights = np.frombuffer(weights_file(name).read_bytes(), np.uint8)
    height, width = ilr.shape
    made, shares = call(parts, script, weights, ilr, width, height)
    given = torch.from_numpy(ilr)[None, None]
    expected = super_resolve(load_model(name), given, precision="float32")
    np.testing.assert_allclose(
        np.reshape(made, ilr.shape), expected[0, 0], rtol=0, atol=5e-6
    )
    assert np.abs(expected[0, 0].numpy() - ilr).max() > 1e-3  # it does something
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_picture_is_read_as_it_is_in_slices(parts: Any) -> None:
    """Colours below any opacity too, which no canvas would keep."""
    script = """globalThis.graphics ??= new Graphics();
      const file = new Blob([Uint8Array.from(given[0])]);
      const made = await readPicture(file, "a", graphics, { pixels: 1e6 });
      return [[...made.data], made.kind]"""
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, (131, 97, 4), dtype=np.uint8)
    assert picture.size > 3 * SLICE
    stream = BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    content = np.frombuffer(stream.getvalue(), np.uint8)
    read, kind = call(parts, script, content)
    np.testing.assert_array_equal(read, picture.ravel())
    assert kind == "colour with transparency"


def test_a_picture_is_read_while_a_network_works(parts: Any) -> None:
    """They share a graphics card: neither may see what the other draws into."""
    script = """globalThis.graphics ??= new Graphics();
      const network = new Network(graphics, Uint8Array.from(given[0]));
      const limits = { pixels: 1e6 };
      const file = await png(await canvasOf({
        data: Uint8ClampedArray.from(given[1]), height: 5, width: 7 }));
      const reading = [];
      const watch = () => reading.push(readPicture(file, "a", graphics, limits));
      const alone = await network.run(Float32Array.from(given[2]), 11, 9);
      const beside = await network.run(Float32Array.from(given[2]), 11, 9, watch);
      const read = (await Promise.all(reading)).map(({ data }) => [...data]);
      return [[...alone], [...beside], read]"""
    rng = np.random.default_rng(4)
    picture = rgba(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    weights = np.frombuffer(weights_file("srcnn-915-x2").read_bytes(), np.uint8)
    alone, beside, read = call(parts, script, weights, picture, rng.random((9, 11)))
    assert alone == beside
    assert len(read) == 3
    for each in read:
        np.testing.assert_array_equal(each, picture.ravel())


# --- the page -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page and the networks beside it, and pictures."""
    folder = tmp_path_factory.mktemp("in_browser")
    body = in_browser.browser_body()
    (folder / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{body}")
    (folder / "networks").mkdir()
    for name, script in in_browser.network_scripts().items():
        (folder / "networks" / name).write_text(script)
    coffee = load_images("embedded-test")["coffee"]
    Image.fromarray(coffee[100:130, 200:240]).save(folder / "cup.png")
    Image.fromarray(coffee[100:112, 200:216]).save(folder / "small.png")
    Image.fromarray(coffee[100:130, 200:240, 0]).save(folder / "grey.png")
    veil = np.linspace(0, 255, 40 * 30).reshape(30, 40).astype(np.uint8)
    veiled = np.dstack([coffee[100:130, 200:240], veil])
    Image.fromarray(veiled).save(folder / "veiled.png")
    turned = Image.fromarray(coffee[100:130, 200:240])
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(coffee[:3, :3]).save(folder / "dot.png")
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    return folder


@pytest.fixture
def own(folder: Path, visit: Callable[..., Visit]) -> Own:
    """The page, opened as a file."""
    page = visit(folder / "page.html").page
    return Own(page, "ready")


def enlarge(own: Own, file: Path, model: str, scale: str, task: str = "") -> None:
    """Choose everything, the network last, and wait for the result."""
    own.root.get_by_label("Model").select_option("bicubic")
    own.choose(file)
    own.facts(file.name)
    if task:
        own.root.get_by_role("button", name=task).click()
    number = own.root.get_by_label("Scale, as a number")
    number.fill(scale)
    number.blur()
    own.until("done")
    own.root.get_by_label("Model").select_option(model)
    own.until("done")


@pytest.mark.parametrize(
    ("file", "model", "scale"),
    [
        *(("cup.png", "bicubic", "2.15"), ("cup.png", "srcnn-915-x2", "2")),
        *(("grey.png", "srcnn-915-x3", "3"), ("small.png", "vdsr-291-short", "1.5")),
    ],
)
def test_the_result_is_that_of_the_library(
    own: Own, folder: Path, tmp_path: Path, file: str, model: str, scale: str
) -> None:
    """But for a level of rounding, of one pixel in a thousand."""
    enlarge(own, folder / file, model, scale)
    name, samples = own.download(tmp_path)
    assert name == f"{Path(file).stem}_x{scale}_{model}.png"
    given = np.asarray(Image.open(folder / file))
    expected = upscale(given, float(scale), model=model, precision="float32")
    if expected.ndim == 2:
        expected = np.dstack([expected] * 3)
    apart = np.abs(samples[..., :3].astype(int) - expected)
    assert samples.shape[:2] == expected.shape[:2]
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.001


def test_opacity_is_enlarged_and_kept(own: Own, folder: Path, tmp_path: Path) -> None:
    """A browser's PNG keeps colours where they are seen."""
    enlarge(own, folder / "veiled.png", "srcnn-915-x2", "2")
    own.facts("veiled.png: 40 x 30 pixels, colour with transparency")
    _, samples = own.download(tmp_path)
    given = np.asarray(Image.open(folder / "veiled.png"))
    expected = upscale(given, 2, model="srcnn-915-x2").astype(int)
    np.testing.assert_array_equal(samples[..., 3], expected[..., 3])
    seen = expected[..., 3:] / 255
    assert (np.abs(samples - expected)[..., :3] * seen).max() <= 1.5


def test_a_restored_picture_has_the_librarys_scores(own: Own, folder: Path) -> None:
    enlarge(own, folder / "cup.png", "srcnn-915-x2", "2", "Shrink first")
    small, truth = shrunk(read_picture(folder / "cup.png"), 2)
    said = own.root.locator(".vo-status").inner_text()
    for model in ("bicubic", "srcnn-915-x2"):
        made = upscale(small.pixels, 2, model=model, precision="float32")
        given = rgb_to_luma(truth), rgb_to_luma(made)
        scores = f"{psnr(*given, border=2):.2f} dB / {ssim(*given, border=2):.4f}"
        assert f"{model}: {scores}." in said
    card = own.page.locator(".vdsr-compare .vc-card").nth(2)
    assert scores in card.inner_text()


def test_a_photograph_stands_upright(own: Own, folder: Path) -> None:
    enlarge(own, folder / "turned.jpg", "bicubic", "1.1")
    own.facts("turned.jpg: 30 x 40 pixels, colour")


def black_png(width: int, height: int) -> bytes:
    """Return a black picture as a PNG file, one bit a pixel, without its pixels."""
    row = bytes(1 + (width + 7) // 8)
    packing = zlib.compressobj(1)
    content = b"".join(packing.compress(row) for _ in range(height)) + packing.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", content), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("text.png", "text.png is no picture that this browser can read"),
        ("empty.png", "empty.png is empty (0 bytes)"),
        ("wide.png", "wide.png has 4032 x 3101 pixels, above the limit of this page"),
        ("vast.png", "vast.png has 30000 x 30000 pixels, above the limit of this page"),
    ],
)
def test_what_cannot_be_taken_is_named(
    own: Own, folder: Path, file: str, said: str
) -> None:
    if file == "wide.png":
        Image.new("L", (4032, 3101)).save(folder / file)
    if file == "vast.png":  # of which the browser says only that it cannot be decoded
        (folder / file).write_bytes(black_png(30_000, 30_000))
    own.choose(folder / file)
    assert own.problem().startswith(times(said))
    own.root.get_by_label("Model").select_option("bicubic")  # and nothing is broken
    own.until("done")
    assert not own.root.get_by_role("alert").is_visible()


def test_a_result_that_cannot_be_made_is_named(own: Own, folder: Path) -> None:
    Image.new("L", (1200, 1000)).save(folder / "large.png")
    enlarge(own, folder / "dot.png", "bicubic", "4")
    own.choose(folder / "large.png")
    own.facts("large.png")
    assert "above the limit of 12.5 megapixels" in own.problem()
    own.root.get_by_role("button", name="Enlarge", exact=True).last.click()
    own.page.evaluate("still()")
    assert "above the limit of 12.5 megapixels" in own.problem()
    own.choose(folder / "dot.png")
    own.facts("dot.png")
    own.root.get_by_role("button", name="Shrink first").click()
    assert "too few to be shrunk by 4" in own.problem()


def test_a_bad_file_takes_nothing_from_the_work_that_runs(
    own: Own, folder: Path
) -> None:
    enlarge(own, folder / "cup.png", "srcnn-915-x2", "2")
    own.page.evaluate(
        """() => {
          const { vdsr } = document.querySelector('.vdsr-in-browser');
          const { graphics } = vdsr;
          vdsr.rate = Infinity; // however slow the first was, the next is begun
          const real = graphics.paced;
          const goOn = new Promise((go) => { window.goOn = go; });
          graphics.paced = async () => { await goOn; return real.call(graphics); };
        }"""
    )
    own.root.get_by_label("Model").select_option("srcnn-915-x3")
    own.until("working")
    said = own.root.locator(".vo-status", has_text="Enlarging by srcnn-915-x3 ... 5 %")
    said.wait_for()
    own.choose(folder / "text.png")
    assert own.problem().startswith("text.png is no picture")
    own.until("working")
    assert said.is_visible()
    own.page.evaluate("goOn()")
    own.until("done")
    own.root.locator(".vo-status", has_text=times("80 x 60 pixels in")).wait_for()
    assert own.problem().startswith("text.png is no picture")
    own.root.get_by_label("Model").select_option("bicubic")
    own.root.get_by_role("alert").wait_for(state="hidden")


def test_work_is_stopped_and_begun_again(own: Own, folder: Path) -> None:
    own.root.get_by_label("Model").select_option("vdsr-t91")
    own.until("working")
    own.root.get_by_role("button", name="Cancel").click()
    own.until("ready")
    assert "Stopped; nothing was made." in own.root.locator(".vo-status").inner_text()
    enlarge(own, folder / "cup.png", "srcnn-915-x2", "2")


def test_work_that_is_stopped_as_it_ends_shows_nothing(own: Own) -> None:
    own.page.evaluate(
        """() => {
          const real = HTMLCanvasElement.prototype.toBlob;
          Object.assign(window, { held: [], written: 0 });
          HTMLCanvasElement.prototype.toBlob = function (take, ...rest) {
            const counted = (blob) => { take(blob); written++; };
            held.push(() => real.call(this, counted, ...rest));
          };
        }"""
    )
    own.root.get_by_label("Model").select_option("bicubic")
    own.page.wait_for_function("window.held.length > 0")
    own.root.get_by_role("button", name="Cancel").click()
    own.until("ready")
    own.page.evaluate("held.forEach((go) => go())")
    own.page.wait_for_function("written === held.length")
    own.page.evaluate("new Promise((seen) => setTimeout(seen, 300))")
    own.until("ready")
    assert "Stopped; nothing was made." in own.root.locator(".vo-status").inner_text()


def test_without_scripts_the_page_says_what_it_lacks(
    folder: Path, chromium: Any
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "page.html").as_uri())
    assert page.get_by_text("This needs JavaScript").is_visible()
    context.close()


def test_long_work_waits_to_be_asked_for(own: Own, folder: Path) -> None:
    Image.new("L", (400, 300)).save(folder / "much.png")
    own.root.get_by_label("Model").select_option("bicubic")
    own.choose(folder / "much.png")
    own.facts("much.png")
    own.until("done")
    own.root.get_by_label("Model").select_option("vdsr-291-short")
    own.until("ready")
    assert "press Enlarge" in own.root.locator(".vo-status").inner_text()


@pytest.mark.parametrize(("tick", "then"), [(0, "done"), (1e6, "ready")])
def test_what_a_work_took_tells_whether_the_next_is_short(
    own: Own, folder: Path, tick: float, then: str
) -> None:
    """By a clock that stands still, or goes on a quarter of an hour at each look."""
    clock = "(tick) => { let now = 0; performance.now = () => (now += tick); }"
    own.page.evaluate(clock, tick)
    enlarge(own, folder / "cup.png", "srcnn-915-x2", "2")
    own.root.get_by_label("Model").select_option("srcnn-915-x3")
    own.until(then)


def test_a_picture_that_is_read_late_does_not_take_the_place_of_a_later_one(
    own: Own, folder: Path
) -> None:
    own.page.evaluate(
        """(slow) => {
          const real = createImageBitmap;
          window.createImageBitmap = async (file, options) => {
            if (file.size === slow) await new Promise((go) => { window.goOn = go; });
            return real(file, options);
          };
        }""",
        (folder / "cup.png").stat().st_size,
    )
    own.choose(folder / "cup.png")
    own.page.wait_for_function("'goOn' in window")
    own.root.get_by_label("Model").select_option("bicubic")
    own.root.get_by_role("button", name="Take the sample coffee").click()
    own.facts("coffee")
    own.until("done")
    own.page.evaluate(
        "window.made = document.querySelector('.vdsr-in-browser').vdsr.made,"
        "goOn(), new Promise((seen) => setTimeout(seen, 300))"
    )
    own.facts("coffee")
    same = "made === document.querySelector('.vdsr-in-browser').vdsr.made"
    assert own.page.evaluate(same)  # nor is its result made again


@pytest.mark.parametrize("then", ["file", "work"])
def test_a_graphics_card_that_gave_up_is_named(
    own: Own, folder: Path, then: str
) -> None:
    enlarge(own, folder / "cup.png", "srcnn-915-x2", "2")
    own.page.evaluate(
        "document.querySelector('.vdsr-in-browser').vdsr.graphics.gl"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    if then == "file":
        own.choose(folder / "small.png")
    else:
        own.root.get_by_label("Model").select_option("srcnn-915-x3")
    assert own.problem() == "the graphics card gave up: load this page anew"


def test_of_a_large_result_a_detail_is_compared(own: Own, folder: Path) -> None:
    pixels = np.zeros((500, 1000, 3), np.uint8)
    pixels[:, 500:] = 200
    Image.fromarray(pixels).save(folder / "halves.png")
    own.root.get_by_label("Model").select_option("bicubic")
    own.choose(folder / "halves.png")
    own.facts("halves.png")
    own.until("done")
    state = """() => {
      const model = document.querySelectorAll('.vdsr-widget')[1].vdsr.model;
      return [model.get('size'), model.get('names')];
    }"""
    assert own.page.evaluate(state) == [[1024, 1024], ["original pixels", "bicubic"]]
    image = own.root.locator(".vo-thumb")
    image.click(position={"x": 3, "y": 30})
    own.page.wait_for_function(
        "document.querySelector('.vdsr-own .vo-detail').style.left === '0%'"
    )


def test_weights_that_are_not_there_are_named(
    folder: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    (tmp_path / "page.html").write_text((folder / "page.html").read_text())
    opened = visit(tmp_path / "page.html")
    own = Own(opened.page, "ready")
    own.root.get_by_label("Model").select_option("srcnn-915-x3")
    assert "srcnn-915-x3 could not be fetched" in own.problem()
    assert "ERR_FILE_NOT_FOUND" in opened.errors.pop()


def test_a_browser_without_the_means_says_so(
    folder: Path, visit: Callable[..., Visit]
) -> None:
    page = visit().page
    page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return kind === 'webgl2' ? null : real.call(this, kind, ...rest); };"
    )
    page.goto((folder / "page.html").as_uri())
    own = Own(page, "empty")
    assert "no WebGL 2 with float textures" in own.problem()
    own.choose(folder / "cup.png")
    assert "no WebGL 2 with float textures" in own.problem()
