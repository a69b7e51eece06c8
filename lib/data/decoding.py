"""Image files to arrays, with Pillow: JPEG, PNG, WebP, BMP and TIFF, by their content and not by their names.

A transparent image is laid over white, EXIF orientation is applied, and of several frames or pages the first is read.
Images of 16 bits and float images hold measurements rather than shades; which of their values are black and white is
one rule for a whole data set (`lib.data.intensity`), never made from one image.
"""

import contextlib
import io
import re
import threading
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF")  # no format that another program would read
LARGE = 16_000_000  # pixels; of larger images, two are in memory at one time
WHITE = 255
WHOLE_RANGE = (0.0, 65535.0)  # of 16 bits
TURNED = {  # by EXIF orientation: what brings an array upright
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}

# The luminance table of the JPEG standard (annex K), which encoders scale by their quality, in Pillow's order.
_STANDARD = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
    51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
    120, 101, 72, 92, 95, 98, 112, 100, 103, 99])  # fmt: skip
_SCALES = np.array([5000 // quality if quality < 50 else 200 - 2 * quality for quality in range(1, 101)])
_TABLES = np.clip((_STANDARD * _SCALES[:, None] + 50) // 100, 1, 255)  # as libjpeg scales it

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # such images are refused below


_few_at_once = threading.BoundedSemaphore(2)


class Unreadable(Exception):
    """An image file that cannot be read; the message is the reason in plain words."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image.

    Attributes:
        pixels: upright; uint8 (H, W) grey or (H, W, 3) colour, or float32 (H, W), the values of an image of more than
            8 bits, all finite.
        format: such as `JPEG`.
        bits: of a value in the file, 8, 16 or 32.
        quality: of a JPEG file, 1 to 100, estimated from its quantisation table; 0 for others.
    """

    pixels: np.ndarray
    format: str
    bits: int
    quality: int

    @property
    def measured(self) -> bool:
        """Whether the values are measurements, to which `scaled` gives shades."""
        return self.pixels.dtype != np.uint8


def is_image(name: str) -> bool:
    """Whether a file's name is that of an image: a known extension, in small letters or capitals."""
    return name[name.rfind(".") :].lower() in EXTENSIONS if "." in name else False


def decode(content: bytes, intensity: bool = False) -> Decoded:
    """Decode an image file.

    Args:
        content: the file's bytes.
        intensity: whether the data set has a rule for values of more than 8 bits. Pillow reads colour images of
            16 bits as 8 bits, which is right for the whole range of 16 bits and for no other.

    Raises:
        Unreadable: it cannot be read.
    """
    image = _opened(content)
    try:
        kind = _rawmode(image)  # before loading, which forgets it
        image.load()
        turn = _orientation(image)
        pixels, bits = _array(image), _bits(image, kind)
    except MemoryError:
        raise Unreadable(f"has {image.width:,} × {image.height:,} pixels, too many for the memory") from None
    except Exception as error:  # Pillow raises many kinds for a file that is damaged
        raise Unreadable(_reason(error)) from None
    if intensity and bits > 8 and pixels.dtype == np.uint8:
        raise Unreadable("a colour image of 16 bits, to which `intensity` cannot be applied; save it grey or as 8 bits")
    if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
        raise Unreadable("has values that are not finite numbers")
    pixels = TURNED[turn](pixels) if turn in TURNED else pixels
    name = {"MPO": "JPEG", "DIB": "BMP"}.get(image.format, image.format)
    return Decoded(np.ascontiguousarray(pixels), name, bits, _quality(image))


def room(content: bytes) -> contextlib.AbstractContextManager:
    """A context to decode and resize an image in, which waits while two other large images are in memory.

    Raises:
        Unreadable: the header cannot be read.
    """
    image = _opened(content)
    return _few_at_once if image.width * image.height > LARGE else contextlib.nullcontext()


def looked_at(content: bytes | io.BufferedReader) -> tuple[bool, int]:
    """Whether an image is grey, and the bits of a value that is a measurement, 8 if none is; from its header alone.

    Raises:
        Unreadable: the header cannot be read.
    """
    image = _opened(content)
    try:
        return _is_grey(image), _bits(image, "")
    except Exception as error:
        raise Unreadable(_reason(error)) from None


def scaled(image: Decoded, limits: tuple[float, float] | None) -> np.ndarray:
    """The shades of an image: uint8 as they are, measurements as float32 in [0, 1], `limits` being black and white.

    Without limits, the whole range of 16 bits.

    Raises:
        Unreadable: other measurements than of 16 bits, and there are no limits.
    """
    if not image.measured:
        return image.pixels
    if limits is None and image.bits != 16:
        raise Unreadable("has float or 32-bit values, and `intensity` does not say which of them are black and white")
    low, high = limits or WHOLE_RANGE
    return ((image.pixels - np.float32(low)) / np.float32(high - low)).clip(0, 1)


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Pixels (H, W) or (H, W, 3) as (H, W, channels): grey repeated for 3, colours weighed to luma for 1."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], channels, axis=-1)
    if channels == 1:
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return pixels


def _opened(content: bytes | io.BufferedReader) -> Image.Image:
    """The image with its header read, within Pillow's bound on pixels."""
    if content == b"":
        raise Unreadable("the file is empty")
    try:
        image = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels; cut it into smaller images") from None
    except Exception as error:
        raise Unreadable(_reason(error)) from None
    if image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise Unreadable(
            f"has {image.width:,} × {image.height:,} pixels, more than {Image.MAX_IMAGE_PIXELS:,}; "
            "cut it into smaller images"
        )
    return image


def _array(image: Image.Image) -> np.ndarray:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.float32)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        grey, image = _is_grey(image), image.convert("RGBA")
        over = Image.new("RGBA", image.size, (WHITE,) * 4)
        over.alpha_composite(image)
        return np.asarray(over.convert("L" if grey else "RGB"))
    return np.asarray(image.convert("L" if _is_grey(image) else "RGB"))


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        colours = np.array(image.getpalette() or [], int).reshape(-1, 3)
        return bool((colours == colours[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")


def _rawmode(image: Image.Image) -> str:
    """How the values lie in the file, such as `RGB;16L`; empty where Pillow does not say."""
    tile = image.tile[0] if getattr(image, "tile", None) else None
    found = (tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]) if tile else ""
    return found if isinstance(found, str) else ""


def _bits(image: Image.Image, rawmode: str) -> int:
    if image.mode.startswith("I;16"):
        return 16
    if image.mode in ("I", "F"):
        return 32
    return 16 if re.search(r";16", rawmode) else 8


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1


def _quality(image: Image.Image) -> int:
    table = (getattr(image, "quantization", None) or {}).get(0)
    if table is None or len(table) != 64:
        return 0
    return 1 + int(np.abs(_TABLES - np.array(table)).sum(axis=1).argmin())


def _reason(error: Exception) -> str:
    """A failure of Pillow or of the disk in plain words."""
    text = " ".join(str(error).split())
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image, or one of a format that is not read"
    if isinstance(error, FileNotFoundError):
        return "the file is not there"
    if isinstance(error, PermissionError):
        return "no permission to read the file"
    if re.search(r"truncated|unexpected end|premature|image file is cut", text, re.IGNORECASE):
        return "cut off: the file ends before the image does"
    return f"damaged ({text[:100]})" if text else "damaged"
