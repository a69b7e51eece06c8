"""The pictures of the images on which two studies decide differently, with the heat maps of both detectors."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.core.characters import readable
from lib.core.errors import UserError
from lib.core.formatting import count
from lib.evaluation import thresholds
from lib.evaluation.paired import Comparison, Evaluated, Finished
from lib.presentation.scored import Picture, data_url, laid_over
from lib.study import Saved, device, thumbnail

MOST = 12  # cards of a group
SIDE = 224  # longer side of a picture, pixels


@dataclass(frozen=True)
class Card:
    """An image: its id, its class, a line for each study, and its pictures."""

    id: str
    class_name: str
    lines: list[str]
    pictures: list[Picture]


@dataclass(frozen=True)
class Group:
    """Images of one label that one study alone flags: a heading, how many of them are shown, and their cards."""

    heading: str
    shown: str
    cards: list[Card]


def saved_with_maps(side: Evaluated, finished: Finished) -> Saved | None:
    """The saved detector of a study; None if it was not saved, cannot be read or has no heat maps."""
    folder = finished.run.detector(side.column)
    if not folder.is_dir():
        return None
    try:
        saved = device.tested(lambda: Saved.load(folder))
    except UserError:  # of an earlier version; the page does without its maps
        return None
    return saved if saved.scale and hasattr(saved.detector, "heatmap") else None


def groups(
    found: Comparison, studies: tuple[Finished, Finished], saved: tuple[Saved | None, Saved | None]
) -> list[Group]:
    """The images on which the studies decide differently, in up to four groups, anomalies first.

    Args:
        found: The comparison.
        studies: The two studies.
        saved: Of `saved_with_maps`, of both.
    """
    result = []
    for label, what in ((1, "Anomalies"), (0, "Normal images")):
        for by_a, side in ((True, found.a), (False, found.b)):
            rows = found.flipped(label, by_a)
            if len(rows):
                cards = list(_cards(found, studies, saved, rows.head(MOST)))
                result.append(Group(f"{what} that only {side.study} flags", _shown(len(rows)), cards))
    return result


def _shown(images: int) -> str:
    """How many images there are, how many are shown, and in which order."""
    if images == 1:
        return "1 image."
    of = f"{MOST} of " if images > MOST else ""
    return f"{of}{count(images, 'image')}, those whose scores are farthest from both thresholds first."


def _cards(found: Comparison, studies, saved, rows: pd.DataFrame) -> Iterator[Card]:
    ids = rows["id"].to_numpy()
    drawn = [_maps(study, own, ids) for study, own in zip(studies, saved, strict=True)]
    for picture, maps, row in zip(_pictures(studies[0], ids), zip(*drawn, strict=True), rows.itertuples(), strict=True):
        scores = ((found.a, row.score_a), (found.b, row.score_b))
        lines = [_line(side, score) for side, score in scores]
        yield Card(readable(row.id), readable(row.class_name), lines, [picture, *(each for each in maps if each)])


def _line(side: Evaluated, score: float) -> str:
    decision = "flagged" if thresholds.decide([score], side.threshold)[0] else "not flagged"
    return f"{side.study}: {decision}, score {score:.4g}, threshold {side.threshold:.4g}"


def _pictures(study: Finished, ids: np.ndarray) -> list[Picture]:
    images = _taken(study, ids)
    return [
        Picture("Image", readable(row.id), data_url(thumbnail(picture, (row.height, row.width), SIDE)))
        for picture, row in zip(images.pixels(), images.table.itertuples(), strict=True)
    ]


def _maps(study: Finished, saved: Saved | None, ids: np.ndarray) -> list[Picture | None]:
    """Heat maps of some images by the detector of a study; None for each without one."""
    if saved is None:
        return [None] * len(ids)
    images = _taken(study, ids)
    pictures, maps = images.pixels(saved.provenance["measured_at"]), saved.detector.heatmap(images)
    return [
        Picture(
            study.name,
            f"Heat map of {readable(row.id)} by {study.name}",
            data_url(thumbnail(laid_over(picture, heat_map, saved.scale), (row.height, row.width), SIDE)),
        )
        for picture, heat_map, row in zip(pictures, maps, images.table.itertuples(), strict=True)
    ]


def _taken(study: Finished, ids: np.ndarray):
    places = {name: place for place, name in enumerate(study.images.table["id"])}
    return study.images.take(np.array([places[name] for name in ids]))
