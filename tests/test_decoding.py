"""Image files of every kind that users have, and those that cannot be read."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from folders import numbered, picture, study, write
from PIL import Image

from lib import data
from lib.core import paths
from lib.core.errors import UserError
from lib.data import decoding, intensity, resizing
from lib.data.decoding import Unreadable, decode

COLOUR, GREY = picture(1), picture(2, channels=1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, form, **options)
    return file.getvalue()


# Formats and modes.


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "JPEG", "WEBP"])
@pytest.mark.parametrize("pixels", [COLOUR, GREY], ids=["colour", "grey"])
def test_every_format_is_read_in_colour_and_grey(form, pixels):
    exact = form in ("PNG", "BMP", "TIFF")
    decoded = decode(encoded(pixels, form, **({} if exact else {"quality": 95})))
    assert (decoded.format, decoded.bits, decoded.measured) == (form, 8, False) and decoded.pixels.dtype == np.uint8
    shape = COLOUR.shape if form == "WEBP" else pixels.shape  # WebP has no grey
    assert decoded.pixels.shape == shape
    wanted = np.broadcast_to(pixels[..., None], shape) if shape != pixels.shape else pixels
    assert np.abs(decoded.pixels.astype(int) - wanted).mean() <= (0 if exact else 6)


def test_transparency_is_laid_over_white():
    alpha = np.zeros(GREY.shape, np.uint8)
    alpha[:, 10:] = 255
    for pixels in (np.dstack([COLOUR, alpha]), np.dstack([GREY, alpha])):
        decoded = decode(encoded(pixels)).pixels
        assert decoded.ndim == (3 if pixels.shape[-1] == 4 else 2)
        assert (decoded[:, :10] == 255).all() and (decoded[:, 10:] == pixels[:, 10:, :-1].squeeze()).all()
    half = np.dstack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 51, np.uint8)])
    assert (decode(encoded(half)).pixels == 204).all()  # a fifth of black over white


def test_palettes_are_read_as_their_colours_also_where_one_is_transparent():
    image = Image.new("P", (6, 4))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1] * 12)
    plain, clear = decode(encoded(image)).pixels, decode(encoded(image, transparency=1)).pixels
    assert plain[0, :2].tolist() == [[10, 20, 30], [200, 100, 0]]
    assert clear[0, :2].tolist() == [[10, 20, 30], [255, 255, 255]]
    image.putpalette([10, 10, 10, 90, 90, 90])
    assert decode(encoded(image)).pixels[0, :2].tolist() == [10, 90]  # a grey palette is grey


def test_cmyk_and_one_bit_images_are_read():
    cmyk = Image.fromarray(COLOUR).convert("CMYK")
    for form in ("TIFF", "JPEG"):
        pixels = decode(encoded(cmyk, form)).pixels
        assert pixels.shape == COLOUR.shape and np.abs(pixels.astype(int) - COLOUR).mean() < 12
    bits = Image.fromarray(GREY > 127)
    assert set(np.unique(decode(encoded(bits)).pixels)) == {0, 255}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(form, orientation):
    """The upper left corner of the upright picture is bright; the camera stored it turned as its tag says."""
    upright = np.zeros((40, 64), np.uint8)
    upright[:20, :20] = 255
    undo = {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE}
    undo |= {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    undo[8] = Image.Transpose.ROTATE_270
    stored = Image.fromarray(upright)
    stored = stored.transpose(undo[orientation]) if orientation in undo else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(stored, form, exif=exif)).pixels
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    assert pixels.shape == (40, 64)
    assert pixels[4:16, 4:16].min() > 200 and pixels[24:].max() < 55 and pixels[:, 24:].max() < 55


def test_the_first_frame_or_page_is_read():
    frames = [Image.fromarray(picture(seed)) for seed in range(3)]
    for form in ("TIFF", "WEBP", "PNG"):
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert np.abs(decode(content).pixels.astype(int) - picture(0)).mean() < 12, form


def test_the_quality_of_a_jpeg_is_read_from_its_table():
    for quality in (1, 10, 35, 50, 75, 90, 95, 100):
        for pixels in (COLOUR, GREY):
            assert decode(encoded(pixels, "JPEG", quality=quality)).quality == quality
    assert decode(encoded(COLOUR)).quality == 0


# More than 8 bits.

DEEP = np.linspace(0, 4095, 40 * 48).reshape(40, 48)


@pytest.mark.parametrize(
    ("content", "bits"),
    [
        (encoded(DEEP.astype(np.uint16)), 16),
        (encoded(DEEP.astype(np.uint16), "TIFF"), 16),
        (encoded(DEEP.astype(np.float32), "TIFF"), 32),
        (encoded(DEEP.astype(np.int32), "TIFF"), 32),
    ],
)
def test_measurements_are_scaled_by_the_declared_limits(content, bits):
    decoded = decode(content, intensity=True)
    assert decoded.measured and decoded.bits == bits
    shades = decoding.scaled(decoded, (1000.0, 3000.0))
    np.testing.assert_allclose(shades, ((DEEP - 1000) / 2000).clip(0, 1), atol=1e-3)


def test_without_limits_16_bits_are_their_whole_range_and_floats_are_refused():
    whole = np.array([[0, 13107, 65535]], np.uint16)
    np.testing.assert_allclose(decoding.scaled(decode(encoded(whole)), None), [[0, 0.2, 1]], atol=1e-6)
    with pytest.raises(Unreadable, match="intensity"):
        decoding.scaled(decode(encoded(DEEP.astype(np.float32), "TIFF")), None)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(Unreadable, match="not finite"):
        decode(encoded(np.array([[1, np.nan]], np.float32), "TIFF"))


def test_colour_images_of_16_bits_are_their_whole_range_and_no_other():
    from lib.core.backend import tf

    content = tf.io.encode_png(COLOUR.astype(np.uint16) * 257).numpy()
    decoded = decode(content)
    assert (decoded.pixels == COLOUR).all() and decoded.bits == 16
    with pytest.raises(Unreadable, match="colour image of 16 bits"):
        decode(content, intensity=True)


def test_percentiles_are_of_all_values_of_all_images():
    random = np.random.default_rng(0)
    images = [random.normal(mean, 5, (50, 40)).astype(np.float32) for mean in (-100, 0, 0.01, 300)]
    for low, high in ((0, 100), (0.5, 99.5), (10, 60)):
        found = intensity.limits(f"percentile:{low},{high}", iter(images))
        np.testing.assert_allclose(found, np.percentile(images, [low, high]), rtol=2e-3, atol=1e-2)
    assert intensity.limits("window:-1,2.5", iter(())) == (-1, 2.5)
    assert intensity.limits("", iter(images)) is None and intensity.limits("percentile:1,99", iter(())) is None
    low, high = intensity.limits("percentile:1,99", [np.full((3, 3), 7, np.float32)])
    assert low < high  # a uniform data set divides by no zero


@pytest.mark.parametrize(("rule", "limits"), [("", []), ("window:0,4095", [0, 4095]), ("percentile:0,100", [50, 900])])
def test_a_data_set_of_16_bits_has_one_rule(tmp_path, rule, limits):
    """A dark image stays dark: no image has a range of its own."""
    for number, level in enumerate((50, 100, 400, 900)):
        path = tmp_path / f"good/{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((20, 20), level, np.uint16)).save(path)
    images = data.load(study(tmp_path, intensity=rule))
    assert images.channels == 1 and images.preparation["intensity"] == limits
    black, white = limits or (0, 65535)
    expected = np.rint((np.array([50, 100, 400, 900]) - black) / (white - black) * 255)
    np.testing.assert_allclose(images.images.mean(axis=(1, 2, 3)), expected, atol=1)
    assert images.column("bits").tolist() == [16] * 4


def test_float_images_ask_for_intensity_in_one_line_that_names_a_file(tmp_path):
    write(tmp_path, numbered("good", 3))
    Image.fromarray(DEEP.astype(np.float32)).save(tmp_path / "good/z.tif")
    with pytest.raises(UserError, match=r"^intensity: good/z.tif has float") as refused:
        data.load(study(tmp_path))
    assert "\n" not in str(refused.value)
    assert len(data.load(study(tmp_path, intensity="percentile:1,99"))) == 4


# Files that cannot be read.

BROKEN = {
    "empty": b"",
    "text": b"no image at all",
    "header": encoded(COLOUR)[:20],
    "truncated.jpg": encoded(picture(3, 200, 200), "JPEG")[:1500],
    "truncated.png": encoded(picture(3, 200, 200))[:5000],
    "truncated.bmp": encoded(COLOUR, "BMP")[:1500],
    "truncated.tif": encoded(COLOUR, "TIFF")[:1500],
    "truncated.webp": encoded(picture(3, 200, 200), "WEBP")[:500],
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "zeros": bytes(3000),
}
REASONS = {"empty": "empty", "text": "not an image", "postscript": "not an image", "truncated.jpg": "cut off"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_has_a_reason_in_plain_words(name):
    with pytest.raises(Unreadable) as refused:
        decode(BROKEN[name])
    reason = str(refused.value)
    assert REASONS.get(name, "") in reason and reason and "\n" not in reason and "Error" not in reason


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as `lib.data.decoding` does
def test_absurd_sizes_are_refused_by_pillows_bound(monkeypatch):
    """A PNG of 50 KB that would fill 400 MB."""
    bomb = encoded(Image.new("1", (20_000, 20_000)))
    large = encoded(Image.new("1", (10_000, 10_000)))
    tracemalloc.start()
    for content in (bomb, large):
        with pytest.raises(Unreadable, match="pixels"):
            decode(content)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3, 2)])
def test_images_of_any_shape_become_squares(tmp_path, shape):
    write(tmp_path, numbered("good", 3))
    Image.fromarray(np.full((*shape, 3), 77, np.uint8)).save(tmp_path / "good/000.png")
    images = data.load(study(tmp_path))
    assert (images.images[0] == 77).all() and images.table.loc[0, ["height", "width"]].tolist() == list(shape)


def test_unreadable_files_are_listed_with_reasons_and_left_out(tmp_path, capsys):
    write(tmp_path, numbered("good", 30))
    for number in range(12):
        (tmp_path / f"good/{number:03d}.png").write_bytes(BROKEN["truncated.jpg"] if number else b"")
    images = data.load(study(tmp_path, unreadable_share=0.4))
    assert len(images) == 18 and images.table["id"].iloc[0] == "good/012.png"
    assert images.unreadable[0] == ["good/000.png", "the file is empty"]
    assert [name for name, _ in images.unreadable] == numbered("good", 12)
    listed = [line for line in capsys.readouterr().err.splitlines() if "cannot read" in line or "more" in line]
    assert len(listed) == 11 and listed[-1] == "… and 2 more" and "good/001.png: cut off" in listed[1]
    again = data.load(study(tmp_path, unreadable_share=0.4)).at(64)
    assert again.unreadable == images.unreadable and len(again) == 18


def test_too_many_unreadable_files_stop_in_one_line_and_leave_nothing(tmp_path, tmp_path_factory, monkeypatch):
    cache = tmp_path_factory.mktemp("other")
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(cache))
    write(tmp_path, numbered("good", 20))
    (tmp_path / "good/004.png").write_bytes(BROKEN["text"])
    with pytest.raises(UserError, match=r"1 file of 20 \(5.0 %\) cannot be read, such as good/004.png: not") as refused:
        data.load(study(tmp_path))
    assert "unreadable_share" in str(refused.value) and "\n" not in str(refused.value)
    assert not list((cache / "images").iterdir())
    assert len(data.load(study(tmp_path, unreadable_share=0.05))) == 19


def test_nothing_but_unreadable_files_is_refused(tmp_path):
    write(tmp_path, numbered("good", 2))
    for name in numbered("good", 2):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match="2 files of 2"):
        data.load(study(tmp_path, unreadable_share=0.99))


def test_a_wrong_extension_does_not_matter(tmp_path):
    write(tmp_path, numbered("good", 2))
    (tmp_path / "good/000.png").write_bytes(encoded(COLOUR, "JPEG", quality=80))
    images = data.load(study(tmp_path))
    assert images.column("format").tolist() == ["JPEG", "PNG"] and images.column("quality").tolist() == [80, 0]


# Channels and resizing.


def test_a_set_is_grey_only_if_every_image_is(tmp_path):
    write(tmp_path, numbered("good", 3), channels=1)
    grey = data.load(study(tmp_path))
    assert grey.channels == 1 and grey.preparation["channels"] == 1
    write(tmp_path, ["good/z.png"])
    colour = data.load(study(tmp_path))
    assert colour.channels == 3 and (colour.images[0] == colour.images[0][..., :1]).all()
    assert (colour.images[:3] == grey.images).all()


def slow_antialiased(image, size):
    """Each pixel is the mean of the pixels around its centre, weighted by a triangle as wide as the pixel is large."""

    def weights(side):
        scale = max(side / size, 1)
        centres = (np.arange(size) + 0.5) * side / size
        distance = np.abs(centres[:, None] - (np.arange(side) + 0.5)) / scale
        triangle = (1 - distance).clip(0)
        return triangle / triangle.sum(axis=1, keepdims=True)

    return np.einsum("ah,hwc,bw->abc", weights(image.shape[0]), image.astype(float), weights(image.shape[1]))


@pytest.mark.parametrize("shape", [(200, 301), (40, 48), (20, 90), (33, 32)])
def test_resizing_is_a_weighted_mean_of_the_area(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    expected = slow_antialiased(image, 32)
    assert np.abs(resizing.antialiased(image, 32) - expected).max() < 0.51
    floats = (image / 255).astype(np.float32)
    assert np.abs(resizing.antialiased(floats, 32) - expected).max() < 0.51


def test_a_small_bright_spot_of_a_large_image_is_not_lost():
    image = np.zeros((640, 640, 3), np.uint8)
    image[300:306, 300:306] = 255
    assert float(resizing.antialiased(image, 32).sum()) * 400 == pytest.approx(36 * 255 * 3, rel=0.1)


# Bombs: small files that would fill the memory.


def png(*chunks):
    """A PNG of one pixel with further chunks behind its header."""
    plain = encoded(Image.new("L", (1, 1)))
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return plain[:33] + b"".join(parts) + plain[33:]


ZEROS = zlib.compress(bytes(200_000_000), 9)  # 194 KB
BOMBS = {
    "text.png": png((b"zTXt", b"Comment\0\0" + ZEROS)),
    "international.png": png((b"iTXt", b"Comment\0\1\0\0\0" + ZEROS)),
    "profile.png": png((b"iCCP", b"profile\0\0" + ZEROS)),
    "many.png": png(*[(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))] * 100),
    "large.tif": encoded(Image.new("1", (12_000, 12_000)), "TIFF", compression="group4"),
    "large.webp": encoded(Image.new("RGB", (8, 8)), "WEBP", lossless=True),
    "large.bmp": encoded(Image.new("L", (8, 8)), "BMP"),
    "large.gif": encoded(Image.new("L", (8, 8)), "GIF"),
}  # fmt: skip
BOMBS["large.bmp"] = BOMBS["large.bmp"][:18] + struct.pack("<ii", 60_000, 60_000) + BOMBS["large.bmp"][26:]
BOMBS["large.gif"] = BOMBS["large.gif"][:6] + struct.pack("<HH", 65_000, 65_000) + BOMBS["large.gif"][10:]
_at = BOMBS["large.webp"].index(b"VP8L") + 9  # 14 bits each of width - 1 and height - 1
BOMBS["large.webp"] = BOMBS["large.webp"][:_at] + struct.pack("<I", 2**28 - 1) + BOMBS["large.webp"][_at + 4 :]

WATCHED = """
import sys
from benchmarks.memory import peak
from lib.data import decoding
before = peak()
for path in sys.argv[1:]:
    content = open(path, "rb").read()
    for read in (decoding.looked_at, decoding.decode):
        try:
            read(content)
            print("read")
        except decoding.Unreadable as reason:
            print(reason)
print(peak() - before)
"""


def test_the_peak_memory_of_a_process_is_not_that_of_the_one_that_started_it():
    large = bytearray(600_000_000)
    command = [sys.executable, "-c", "from benchmarks.memory import peak; print(peak())"]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert len(large) > 0 and 1 < float(done.stdout) < 200


def test_no_small_file_fills_the_memory(tmp_path):
    """Measured as the memory of a process, since decoders do not allocate through Python."""
    for name, content in BOMBS.items():
        assert len(content) < 400_000, name
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", WATCHED, *(str(tmp_path / name) for name in BOMBS)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    *lines, megabytes = done.stdout.splitlines()
    assert len(lines) == 2 * len(BOMBS) and float(megabytes) < 120, done.stdout
    refused = dict(zip(BOMBS, lines[1::2], strict=True))
    assert all("pixels" in line for name, line in refused.items() if name.startswith("large")), refused


def test_of_an_animation_of_many_frames_one_is_read():
    frames = [Image.fromarray(picture(seed)) for seed in range(200)]
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        tracemalloc.start()
        assert decode(content).pixels.shape == picture(0).shape
        assert tracemalloc.get_traced_memory()[1] < 2 * len(content) + 1e6
        tracemalloc.stop()


def test_an_image_named_for_another_format_and_a_text_named_png_are_told_apart(tmp_path):
    write(tmp_path, numbered("good", 2))
    (tmp_path / "good/a.jpg").write_bytes((tmp_path / "good/000.png").read_bytes() + b" ")
    (tmp_path / "good/b.png").write_text("no image")
    images = data.load(study(tmp_path, unreadable_share=0.5))
    assert images.column("format").tolist() == ["PNG"] * 3
    assert images.unreadable == [["good/b.png", "not an image, or one of a format that is not read"]]
