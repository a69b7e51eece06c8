"""What can be measured of an image without knowing what it shows, for asking what fools a detector.

Many photographs were pasted on white, which leaves blank strips along their edges. Strips are measured as
such and then cut off, so that nothing else is measured on them.

The background is guessed from the frame, the outermost twelfth of what remains. A pixel is background where two
opposite sides of the frame hold its colour nearby: left and right at about its height, so that a sky above and a
meadow below are both background, or top and bottom above and below it. So is whatever is near the frame's most
frequent colour. What is left falls into connected pieces; the largest and those of at least a fifth of its size are
the object, and all else is background. Saliency detection calls this the boundary prior (Wei, Wen, Zhu and Sun,
European Conference on Computer Vision 2012, 29-42); asking for two sides spares an object that touches one. It is
right for an object before layers of plain ground. It takes large clutter for object, and loses an object that is
coloured like its surroundings or cut off on two sides.

A pixel looks like sky where it is blue, grey or white, and smooth. Smooth dry tarmac does too, still water as well.

Hue, saturation and value are those of the HSV model; luma weighs red, green and blue by 0.299, 0.587 and
0.114.
"""

import math

import numpy as np
import pandas
import scipy.ndimage

# Noun phrases that follow "more" and "less".
DESCRIPTIONS = {
    "brightness": "brightness",
    "saturation": "saturation",
    "red_share": "red",
    "dominant_warmth": "warmth of the dominant hue",
    "white_margin": "blank margin",
    "background_grey": "grey in the background",
    "background_blue": "blue in the background",
    "background_grey_or_blue": "grey or blue in the background",
    "background_white": "white in the background",
    "background_uniformity": "uniformity of the background",
    "background_share": "background",
    "background_not_sky": "background other than sky",
    "ground_share": "ground in the lower third",
    "object_area": "area of the object",
    "object_red": "red in the object",
    "object_centring": "centring of the object",
    "edge_density": "edges",
    "ground_contrast": "contrast between the lower and the upper background",
    "ground_texture": "texture in the lower background",
}

# How each is measured; all lie in 0 to 1 unless said otherwise.
DEFINITIONS = {
    "brightness": "mean luma",
    "saturation": "mean saturation",
    "red_share": "share of pixels within 20° of red, with saturation of at least 0.5 and value of at least 0.4",
    "dominant_warmth": "nearness of the most frequent hue to orange (30°, where it is 1) and to its opposite, blue "
    "(0); 0.5 without colour",
    "white_margin": "share of the image in blank white strips along its edges, up to a sixth from each side",
    "background_grey": "share of the frame with saturation below 0.15 and value from 0.2 to 0.9",
    "background_blue": "share of the frame with hue from 180° to 260°, saturation and value of at least 0.15 and 0.2",
    "background_grey_or_blue": "sum of the two",
    "background_white": "share of the frame with saturation below 0.15 and value above 0.9",
    "background_uniformity": "1 less twice the standard deviation of the frame, mean of the three channels",
    "background_share": "share of pixels that are background: two opposite sides of the frame hold their colour nearby",
    "background_not_sky": "share of the frame that does not look like sky: blue, grey or white, with a luma gradient "
    "below 0.015 per pixel",
    "ground_share": "share of the frame's lower third that does not look like sky",
    "object_area": "share of the image that a box takes with the spread of the pixels that are not background",
    "object_red": "share of the pixels that are not background that are red",
    "object_centring": "1 less the distance of their centroid from the centre, over half the diagonal",
    "edge_density": "mean magnitude of the luma's gradient, per pixel",
    "ground_contrast": "colour distance between the lower and the upper third of the frame, by their means",
    "ground_texture": "edge density of the frame's lower third less that of its upper third, -1 to 1",
}

_BLANK = 240 / 255  # every channel above it is white
_WIDEST = 1 / 6  # of a side: no blank strip is wider
_FRAME = 1 / 12  # of the shorter side
_NEAR = 0.1  # colour distance, where black to white is 1
_REACH = 1 / 16  # of the height: so far up and down is the frame asked for a pixel's colour
_HELD = 0.06  # share of the pixels asked that have to be near
_SPECK = 0.01  # share of the image; less is no object
_PIECE = 0.2  # of the largest connected piece; smaller ones are clutter
_SMOOTH = 0.015  # luma's gradient per pixel
_HUES = 36  # bins of 10 degrees, for finding the most frequent hue
_ORANGE = 30.0  # degrees: the warmest hue
_LEVELS = 8  # per channel, for finding the most frequent colour
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def measure(images) -> pandas.DataFrame:
    """Measure every image.

    Args:
        images: uint8 of shape (n, height, width, 3) or (n, height, width, 1), at least 4 × 4 pixels, for
            example a memory-mapped array; read one by one, so memory stays bounded.

    Returns:
        One row per image and one column of float32 per attribute, named and ordered as `DESCRIPTIONS` and
        measured as `DEFINITIONS` says. No value is missing: an image without an object has an `object_area` and
        an `object_red` of 0 and an `object_centring` of 1, and black has no saturation.

    Raises:
        ValueError: The images are not uint8, or not of such a shape.
    """
    images = _checked(images)
    table = np.empty((len(images), len(DESCRIPTIONS)), dtype=np.float32)
    for row, image in zip(table, images, strict=True):
        measured = _measure(image)
        row[:] = [measured[name] for name in DESCRIPTIONS]
    return pandas.DataFrame(table, columns=list(DESCRIPTIONS))


def dominant_hue(images) -> np.ndarray:
    """Find the most frequent hue of every image, to 10 degrees; a pixel counts as much as it has colour.

    A hue lies on a circle, so it cannot be ranked; `measure` ranks its warmth instead.

    Args:
        images: As for `measure`.

    Returns:
        Degrees from 0 (red) to below 360, shape (n,), float32; NaN where nothing has a colour.

    Raises:
        ValueError: As `measure`.
    """
    images = _checked(images)
    return np.array([_dominant(*_hsv(_without_blank(_floats(image)))) for image in images], dtype=np.float32)


def _checked(images) -> np.ndarray:
    """Return the images as an array, or say what is wrong with it."""
    if not isinstance(images, np.ndarray):
        images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or min(images.shape[1:3]) < 4:
        raise ValueError(f"images of shape {images.shape}; expected (n, height, width, 1 or 3), 4 × 4 or larger")
    if images.dtype != np.uint8:
        raise ValueError(f"images of type {images.dtype}; expected uint8 in 0 to 255")
    return images


def _floats(image: np.ndarray) -> np.ndarray:
    """Pixels as floats in 0 to 1, shape (height, width, 3); grey thrice if there is but one channel."""
    rgb = image.astype(np.float32) / 255
    return np.repeat(rgb, 3, axis=-1) if rgb.shape[-1] == 1 else rgb


def _measure(image: np.ndarray) -> dict[str, float]:
    """Measure one image."""
    rgb = _floats(image)
    whole = rgb.shape[0] * rgb.shape[1]
    rgb = _without_blank(rgb)
    height, width, _ = rgb.shape

    hue, saturation, value = _hsv(rgb)
    luma = rgb @ _LUMA
    edges = np.hypot(*np.gradient(luma))
    red = (np.minimum(hue, 360 - hue) <= 20) & (saturation >= 0.5) & (value >= 0.4)
    pale, lit = saturation < 0.15, value >= 0.2
    white = pale & (value > 0.9)
    grey = pale & lit & ~white
    blue = ~pale & lit & (hue >= 180) & (hue <= 260)
    sky = (white | grey | blue) & (edges < _SMOOTH)

    frame = _frame(height, width)
    framed = rgb[frame]
    upper, lower = frame.copy(), frame.copy()
    upper[math.ceil(height / 3) :], lower[: height - math.ceil(height / 3)] = False, False

    background = _background(rgb, framed)
    thing = ~background
    area, centring = _object(thing)
    return {
        "brightness": luma.mean(),
        "saturation": saturation.mean(),
        "red_share": red.mean(),
        "dominant_warmth": _warmth(_dominant(hue, saturation, value)),
        "white_margin": 1 - height * width / whole,
        "background_grey": grey[frame].mean(),
        "background_blue": blue[frame].mean(),
        "background_grey_or_blue": (grey | blue)[frame].mean(),
        "background_white": white[frame].mean(),
        "background_uniformity": 1 - 2 * framed.std(axis=0, dtype=float).mean(),
        "background_share": background.mean(),
        "background_not_sky": 1 - sky[frame].mean(),
        "ground_share": 1 - sky[lower].mean(),
        "object_area": area,
        "object_red": red[thing].mean() if area else 0.0,
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


def _dominant(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> float:
    """The fullest bin of hues, weighted by chroma and smoothed over its neighbours; NaN without colour."""
    bins = np.rint(hue / (360 / _HUES)).astype(np.int64) % _HUES
    counts = np.bincount(bins.ravel(), (saturation * value).ravel(), _HUES)
    if not counts.any():
        return math.nan
    smooth = counts + (np.roll(counts, 1) + np.roll(counts, -1)) / 2
    return int(smooth.argmax()) * (360 / _HUES)


def _warmth(hue: float) -> float:
    """1 for orange, 0 for the blue opposite, one half for what has no hue."""
    return 0.5 if math.isnan(hue) else (1 + math.cos(math.radians(hue - _ORANGE))) / 2


def _background(rgb: np.ndarray, framed: np.ndarray) -> np.ndarray:
    """Mark the background, boolean (height, width); specks and small pieces take after their surroundings."""
    marked = _distance(rgb, _most_frequent(framed)) <= _NEAR
    marked |= _held_on_both_sides(rgb)
    marked |= _held_on_both_sides(np.ascontiguousarray(rgb.swapaxes(0, 1))).T
    height, width = marked.shape
    padded = np.pad(marked.astype(np.int8), 1, mode="edge")
    marked = sum(padded[down : down + height, right : right + width] for down in range(3) for right in range(3)) > 4
    pieces, found = scipy.ndimage.label(~marked, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=found + 1)
    sizes[0] = 0  # the background itself
    marked = (sizes < max(_PIECE * sizes.max(), 1))[pieces]
    return marked if (~marked).mean() >= _SPECK else np.ones_like(marked)


def _held_on_both_sides(rgb: np.ndarray) -> np.ndarray:
    """Mark the pixels whose colour the left and the right side of the frame both hold at about their height."""
    height, width, _ = rgb.shape
    thickness, reach = max(1, round(_FRAME * min(height, width))), max(1, round(_REACH * height))
    step = max(1, reach // 2)  # a finer comb costs more and finds the same
    squared = np.einsum("...c,...c->...", rgb, rgb)[..., None]
    marked = np.ones((height, width), dtype=bool)
    for side in (rgb[:, :thickness:step], rgb[:, width - thickness :: step]):
        padded = np.pad(side, ((reach, reach), (0, 0), (0, 0)), mode="edge")
        asked = np.concatenate([padded[start : start + height] for start in range(0, 2 * reach + 1, step)], axis=1)
        # Squared distances as |a|² + |b|² - 2ab, which is one product of matrices a row.
        apart = squared + np.einsum("...c,...c->...", asked, asked)[:, None] - 2 * rgb @ asked.swapaxes(1, 2)
        marked &= (apart <= 3 * _NEAR**2).mean(axis=-1) >= _HELD
    return marked


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
