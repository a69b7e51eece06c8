"""What can be measured of an image without knowing what it shows, for asking what fools a detector.

Many photographs were pasted on white, which leaves blank strips along their edges. Strips are measured as
such and then cut off, so that nothing else is measured on them. The background is guessed from the frame, the
outermost twelfth of what remains: its most frequent colour is taken for the background's, and pixels near
that colour for background wherever they lie. All else is object. This is right for an object on a plain
ground and wrong for a cluttered scene, most of which counts as object; the uniformity of the background tells
the two apart.

Hue, saturation and value are those of the HSV model; luma weighs red, green and blue by 0.299, 0.587 and
0.114.
"""

import math

import numpy as np
import pandas

# Noun phrases that follow "more" and "less".
DESCRIPTIONS = {
    "brightness": "brightness",
    "saturation": "saturation",
    "red_share": "red",
    "white_margin": "blank margin",
    "background_grey": "grey in the background",
    "background_blue": "blue in the background",
    "background_grey_or_blue": "grey or blue in the background",
    "background_white": "white in the background",
    "background_uniformity": "uniformity of the background",
    "background_share": "background",
    "object_area": "area of the object",
    "object_centring": "centring of the object",
    "edge_density": "edges",
    "ground_contrast": "contrast between the lower and the upper background",
    "ground_texture": "texture in the lower background",
}

# How each is measured; all lie in 0 to 1 unless said otherwise.
DEFINITIONS = {
    "brightness": "mean luma",
    "saturation": "mean saturation",
    "red_share": "share of pixels within 15° of red, with saturation of at least 0.4 and value of at least 0.2",
    "white_margin": "share of the image in blank white strips along its edges, up to a sixth from each side",
    "background_grey": "share of the frame with saturation below 0.15 and value from 0.2 to 0.9",
    "background_blue": "share of the frame with hue from 180° to 260°, saturation and value of at least 0.15 and 0.2",
    "background_grey_or_blue": "sum of the two",
    "background_white": "share of the frame with saturation below 0.15 and value above 0.9",
    "background_uniformity": "1 less twice the standard deviation of the frame, mean of the three channels",
    "background_share": "share of pixels within a colour distance of 0.1 from the frame's most frequent colour",
    "object_area": "share of the image that a box takes with the spread of the pixels that are not background",
    "object_centring": "1 less the distance of their centroid from the centre, over half the diagonal",
    "edge_density": "mean magnitude of the luma's gradient, per pixel",
    "ground_contrast": "colour distance between the lower and the upper third of the frame, by their means",
    "ground_texture": "edge density of the frame's lower third less that of its upper third, -1 to 1",
}

_BLANK = 240 / 255  # every channel above it is white
_WIDEST = 1 / 6  # of a side: no blank strip is wider
_FRAME = 1 / 12  # of the shorter side
_NEAR = 0.1  # colour distance, where black to white is 1
_LEVELS = 8  # per channel, for finding the most frequent colour
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def measure(images) -> pandas.DataFrame:
    """Measure every image.

    Args:
        images: uint8 of shape (n, height, width, 3) or (n, height, width, 1), at least 4 × 4 pixels, for
            example a memory-mapped array; read one by one, so memory stays bounded.

    Returns:
        One row per image and one column of float32 per attribute, named and ordered as `DESCRIPTIONS` and
        measured as `DEFINITIONS` says. No value is missing: an image without an object has an `object_area`
        of 0 and an `object_centring` of 1, and black has no saturation.

    Raises:
        ValueError: The images are not uint8, or not of such a shape.
    """
    if not isinstance(images, np.ndarray):
        images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or min(images.shape[1:3]) < 4:
        raise ValueError(f"images of shape {images.shape}; expected (n, height, width, 1 or 3), 4 × 4 or larger")
    if images.dtype != np.uint8:
        raise ValueError(f"images of type {images.dtype}; expected uint8 in 0 to 255")
    table = np.empty((len(images), len(DESCRIPTIONS)), dtype=np.float32)
    for row, image in zip(table, images, strict=True):
        measured = _measure(image)
        row[:] = [measured[name] for name in DESCRIPTIONS]
    return pandas.DataFrame(table, columns=list(DESCRIPTIONS))


def _measure(image: np.ndarray) -> dict[str, float]:
    """Measure one image; pixels are floats of shape (height, width, 3) from here on."""
    rgb = image.astype(np.float32) / 255
    if rgb.shape[-1] == 1:
        rgb = np.repeat(rgb, 3, axis=-1)
    whole = rgb.shape[0] * rgb.shape[1]
    rgb = _without_blank(rgb)
    height, width, _ = rgb.shape

    hue, saturation, value = _hsv(rgb)
    luma = rgb @ _LUMA
    edges = np.hypot(*np.gradient(luma))
    red = (np.minimum(hue, 360 - hue) <= 15) & (saturation >= 0.4) & (value >= 0.2)

    frame = _frame(height, width)
    framed = rgb[frame]
    pale = saturation[frame] < 0.15
    lit = value[frame] >= 0.2
    white = pale & (value[frame] > 0.9)
    grey = pale & lit & ~white
    blue = ~pale & lit & (hue[frame] >= 180) & (hue[frame] <= 260)
    upper, lower = frame.copy(), frame.copy()
    upper[math.ceil(height / 3) :], lower[: height - math.ceil(height / 3)] = False, False

    background = _distance(rgb, _most_frequent(framed)) <= _NEAR
    area, centring = _object(~background)
    return {
        "brightness": luma.mean(),
        "saturation": saturation.mean(),
        "red_share": red.mean(),
        "white_margin": 1 - height * width / whole,
        "background_grey": grey.mean(),
        "background_blue": blue.mean(),
        "background_grey_or_blue": (grey | blue).mean(),
        "background_white": white.mean(),
        "background_uniformity": 1 - 2 * framed.std(axis=0, dtype=float).mean(),
        "background_share": background.mean(),
        "object_area": area,
        "object_centring": centring,
        "edge_density": edges.mean(),
        "ground_contrast": float(_distance(rgb[lower].mean(axis=0), rgb[upper].mean(axis=0))),
        "ground_texture": edges[lower].mean() - edges[upper].mean(),
    }


def _without_blank(rgb: np.ndarray) -> np.ndarray:
    """Cut blank white strips off the edges, with the one mixed line that resizing leaves beside each."""
    white = np.minimum(np.minimum(rgb[..., 0], rgb[..., 1]), rgb[..., 2]) > _BLANK
    cuts = []
    for lines in (white.mean(axis=1) > 0.95, white.mean(axis=0) > 0.95):
        widest = int(_WIDEST * len(lines))
        start, end = (int(np.argmin(np.append(side[:widest], False))) for side in (lines, lines[::-1]))
        cuts.append(slice(start and min(start + 1, widest), len(lines) - (end and min(end + 1, widest))))
    return rgb[tuple(cuts)]


def _frame(height: int, width: int) -> np.ndarray:
    """Mark the pixels of the frame, boolean (height, width)."""
    thickness = max(1, round(_FRAME * min(height, width)))
    frame = np.ones((height, width), dtype=bool)
    frame[thickness : height - thickness, thickness : width - thickness] = False
    return frame


def _hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue in degrees (0 where there is none), saturation and value."""
    red, green, blue = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    value, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    chroma = value - least
    saturation = np.divide(chroma, value, out=np.zeros_like(value), where=value > 0)
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    hue = np.where(value == red, ((green - blue) / safe) % 6, hue)
    return np.where(chroma > 0, 60 * hue, 0), saturation, value


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance of colours, scaled so that black to white is 1."""
    apart = a - b
    return np.sqrt(np.einsum("...c,...c->...", apart, apart) / 3)


def _most_frequent(pixels: np.ndarray) -> np.ndarray:
    """The most frequent colour of some pixels, shape (3,) from (n, 3).

    Colours are counted in coarse cells; the mean over the fullest cell is then moved once to the mean of all
    pixels near it, so that a colour on the edge between two cells is not cut in half.
    """
    level = np.minimum((pixels * _LEVELS).astype(np.int64), _LEVELS - 1)
    cell = (level[:, 0] * _LEVELS + level[:, 1]) * _LEVELS + level[:, 2]
    centre = pixels[cell == np.bincount(cell).argmax()].mean(axis=0)
    return pixels[_distance(pixels, centre) <= _NEAR].mean(axis=0)


def _object(mask: np.ndarray) -> tuple[float, float]:
    """Area and centring of what is marked, from its first two moments.

    A filled box with sides a and b has variances a²/12 and b²/12, so 12 times the product of the standard
    deviations gives its area back; of any other shape it is the area of the box that is spread out as far.
    """
    total = mask.sum()
    if not total:
        return 0.0, 1.0
    spread, away = 12.0, []
    for axis, size in enumerate(mask.shape):
        weight = mask.sum(axis=1 - axis) / total
        place = (np.arange(size) + 0.5) / size  # pixel centres, as shares of the side
        mean = weight @ place
        variance = max(weight @ place**2 - mean**2, 0.0) + 1 / (12 * size**2)  # a pixel has a width of its own
        spread *= math.sqrt(variance)
        away.append((mean - 0.5) * size)
    return min(spread, 1.0), 1 - math.hypot(*away) / (0.5 * math.hypot(*mask.shape))
