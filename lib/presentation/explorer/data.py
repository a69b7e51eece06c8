"""What the threshold explorer shows: the test scores of some detectors, and pictures of some test images."""

import base64
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from lib.core.characters import readable
from lib.core.formatting import count
from lib.detectors import PUBLISHED
from lib.evaluation.comparison import best_of_families, calibrate, candidates, deciding
from lib.evaluation.evaluate import leaderboard_column, threshold
from lib.evaluation.thresholds import Threshold, decide
from lib.study import Run, Study, holdout_of

DETECTORS = 12  # at most
SCORES = 75_000  # at most, of all detectors but the first; each takes 5.3 bytes of the page
PICTURES = 400  # at most
PAGE = 700_000  # bytes that the page should not exceed
OTHER = 60_000  # bytes of the page besides scores and pictures, roughly
SPRITE = 60_000  # bytes that the pictures may always take
NEAREST = 6  # pictures on each side of a recorded threshold that are there in any case
COLUMNS = 20  # of the sprite
LOOKS = ((48, 70), (48, 50), (40, 45), (32, 40), (24, 30))  # side in pixels and quality of a picture, best first


@dataclass(frozen=True)
class Choice:
    """A detector that the reader may choose.

    Attributes:
        column: its column in `scores.parquet`.
        name: what pages call it.
        study: the study with the split that it was fitted on.
        threshold: the threshold that the report gives it.
        recommended: whether it is the detector that the report recommends.
        scores: of all images, float32 (N,), on the same side of the threshold as the exact scores.
    """

    column: str
    name: str
    study: Study
    threshold: Threshold
    recommended: bool
    scores: np.ndarray

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the normal images and of the anomalies of the test set, sorted by score."""
        normal, anomalies = (group[np.argsort(self.scores[group], kind="stable")] for group in self._groups)
        return normal, anomalies

    @property
    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        return self.study.normal, self.study.anomalies

    @property
    def fitted(self) -> str:
        """On which images the detector was fitted, as a heading of a group of detectors."""
        held_out = self.study.params.protocol == "holdout"
        return "fitted with images held out" if held_out else "fitted on all normal images"

    @property
    def judged(self) -> str:
        """On which images it is judged, as words behind "on"."""
        normal, anomalies = (len(group) for group in self._groups)
        words = f"{count(normal, 'normal image')} and {count(anomalies, 'anomaly', 'anomalies')} of the test set"
        if self.study.params.protocol == "holdout":
            return f"{words}, none of which it was fitted on"
        return f"{words}; it was fitted on these normal images, so its false alarm rate is too low for new ones"


def explorer_data(study: Study, run: Run) -> dict[str, Any]:
    """Return everything that the explorer shows, as plain JSON.

    Args:
        study: the study.
        run: what was fitted, with its scores.

    Returns:
        `study`, `title`, `normal_class`, `prevalence`, `cost_miss` and `cost_false_alarm`, of the parameters;
        `page`, the page of the report with the tables;
        `detectors`, each with `column`, `name`, `recommended`, `fitted` and `judged` (words), `threshold`, `rule`,
        `saw`, and sorted test scores `normal` and `anomalies`, rounded to float32 without changing a decision at the
        threshold; `pictures`, each with `id`, `class`, `normal` and `scores` (one for each detector, None where the
        image is not in its test set); and `sprite`, all pictures in one WebP image, row by row: `source` (a data URL),
        `size` (pixels of a side) and `columns`.
    """
    chosen = choices(study, run)
    detectors = []
    for choice in chosen:
        normal, anomalies = (choice.scores[group].tolist() for group in choice.test)
        detectors.append(
            {
                "column": choice.column,
                "name": choice.name,
                "recommended": choice.recommended,
                "fitted": choice.fitted,
                "judged": choice.judged,
                "threshold": choice.threshold.value,
                "rule": choice.threshold.rule,
                "saw": choice.threshold.saw,
                "normal": normal,
                "anomalies": anomalies,
            }
        )
    indices = pictured(chosen)
    tested = [set(choice.study.split.test.tolist()) for choice in chosen]
    ids, params = study.images.table["id"].to_numpy(), study.params
    pictures = [
        {
            "id": readable(str(ids[index])),
            "class": readable(str(study.class_names[index])),
            "normal": bool(study.labels[index] == 0),
            "scores": [
                float(choice.scores[index]) if index in test else None
                for choice, test in zip(chosen, tested, strict=True)
            ],
        }
        for index in indices.tolist()
    ]
    scores = sum(len(choice.study.split.test) + len(pictures) for choice in chosen)
    room = max(SPRITE, PAGE - OTHER - 16 * scores // 3) * 3 // 4  # base64 writes 3 bytes as 4 characters
    return {
        "study": params.study,
        "title": params.title,
        "normal_class": readable(params.normal_class),
        "page": "03_inspection.html" if params.inspects else "04_evaluation.html",
        "prevalence": params.prevalence,
        "cost_miss": params.cost_miss,
        "cost_false_alarm": params.cost_false_alarm,
        "detectors": detectors,
        "pictures": pictures,
        "sprite": sprite(study.pixels(indices), room),
    }


def choices(study: Study, run: Run) -> list[Choice]:
    """The detectors worth choosing, the recommended one first, those fitted on the same images together.

    They are the recommended one, the published three, the published autoencoder with images held out, and the best of
    each family; without a validation set nothing is best, and it is every detector of the leaderboard. Shortcuts are
    left out.
    """
    holdout, scores, fits = holdout_of(study), run.scores(), run.fits()
    rows = candidates(holdout, run, scores)
    baseline, published = leaderboard_column(run), tuple(name for name in PUBLISHED if name in fits)
    if any(row["validation"] is not None for row in rows):
        recommended, by_rule = deciding(study, run, rows), published
        worth = [recommended, *published, baseline, *(row["column"] for row in best_of_families(rows).values())]
    else:
        recommended = deciding(study, run, rows) if study.params.inspects else None
        by_rule = () if study.params.inspects else (*published, baseline)
        worth = [*published, baseline, *(row["column"] for row in rows)]
    chosen: list[Choice] = []
    for column in list(dict.fromkeys(worth))[:DETECTORS]:
        judged = study if column in published else holdout
        calibrated = column == recommended or column not in by_rule
        at = calibrate(study, run, column)[0] if calibrated else threshold(judged, run, column)
        values = in_float32(scores[column].to_numpy(), at.value)
        if not chosen or sum(len(choice.study.split.test) for choice in chosen) + len(judged.split.test) <= SCORES:
            chosen.append(Choice(column, fits[column]["label"], judged, at, column == recommended, values))
    together = list(dict.fromkeys(choice.fitted for choice in chosen))
    return sorted(chosen, key=lambda choice: together.index(choice.fitted))


def in_float32(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Scores rounded to float32, on the same side of the threshold."""
    highest = np.float32(threshold)  # the highest float32 that is not flagged
    if float(highest) > threshold:
        highest = np.nextafter(highest, np.float32(-np.inf))
    lowest = np.nextafter(highest, np.float32(np.inf))
    rounded = scores.astype(np.float32)
    return np.where(decide(scores, threshold), np.maximum(rounded, lowest), np.minimum(rounded, highest))


def pictured(chosen: Sequence[Choice]) -> np.ndarray:
    """Indices of the images that have a picture, sorted: all test images, or `PICTURES` of them.

    Each detector names in turn the images nearest to its threshold, then images spread evenly over the ranks of the
    normal images and of the anomalies.
    """
    test = np.unique(np.concatenate([choice.study.split.test for choice in chosen]))
    if len(test) <= PICTURES:
        return test
    turns = itertools.zip_longest(*map(_wanted, chosen))
    wanted = dict.fromkeys(index for turn in turns for index in turn if index is not None)
    return np.sort(np.array(list(wanted)[:PICTURES], int))


def _wanted(choice: Choice) -> list[int]:
    groups = choice.test
    pooled = np.concatenate(groups)
    pooled = pooled[np.argsort(choice.scores[pooled], kind="stable")]
    flagged = decide(choice.scores[pooled], choice.threshold.value)
    nearest = [*pooled[~flagged][-NEAREST:], *pooled[flagged][:NEAREST]]
    spread = itertools.zip_longest(*(group[_spread(len(group))] for group in groups))
    return [int(index) for index in [*nearest, *itertools.chain(*spread)] if index is not None]


def _spread(n: int) -> np.ndarray:
    """Positions from 0 to n − 1, of which the first few, however many, are spread evenly."""
    grids = [np.linspace(0, n - 1, 2**power + 1) for power in range(9)]
    return np.array(list(dict.fromkeys(np.concatenate(grids).round().astype(int).tolist())))


def sprite(pixels: np.ndarray, room: int) -> dict[str, Any]:
    """All pictures in one WebP image of at most `room` bytes, where the smallest pictures fit into it.

    Args:
        pixels: uint8 (n, H, W, C).
        room: bytes.
    """
    for largest, quality in LOOKS:
        size = min(largest, pixels.shape[1])
        sheet = Image.new("RGB", (COLUMNS * size, -(-len(pixels) // COLUMNS) * size))
        for place, picture in enumerate(pixels):
            small = Image.fromarray(picture.squeeze()).convert("RGB")
            if small.size != (size, size):
                small = small.resize((size, size), Image.Resampling.LANCZOS)
            sheet.paste(small, (place % COLUMNS * size, place // COLUMNS * size))
        buffer = io.BytesIO()
        sheet.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= room:
            break
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return {"source": source, "size": size, "columns": COLUMNS}
