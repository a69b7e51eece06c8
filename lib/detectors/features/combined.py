"""Two methods on pretrained features together: the image as a whole, and its patches."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from lib.detectors.base import Images, register
from lib.detectors.features.options import BackboneOptions
from lib.detectors.features.patches import CORESET
from lib.detectors.members import Together
from lib.detectors.specs import Spec, spec

WEIGHTS = (0.6, 0.4)  # of the score of the whole image, and of that of its patches
ENOUGH = 20  # reference images, in all or of a group, to estimate a spread from
TO_DEVIATION = 1.4826  # of a normal distribution: its standard deviation, in median absolute deviations
ROUNDING = 1e-6  # as a share of the median; a smaller spread is rounding of float32


class CombinedOptions(BackboneOptions):
    """Options of two methods together."""

    scoring: ClassVar[frozenset[str]] = frozenset({"share"})

    neighbours: int = Field(2, ge=1, le=1000, description="number of nearest neighbours that are averaged")
    patches: Literal["positions", "patches"] = Field(
        "positions", description="method for patches: compared with those of the same place, or of any place"
    )
    coreset: int = Field(CORESET, ge=1, le=100_000, description="of patches: number of normal patches compared with")
    share: float = Field(
        0.05, ge=0, le=1, description="share of a tile's patches whose mean is its score; 0: the farthest"
    )


@register("combined", family="features", title="features, combined", options=CombinedOptions)
class Combined(Together):
    """Scores by the weighted mean of two standardised scores: nearest neighbours by embedding, and patches.

    Embeddings tell images that are of another kind altogether, patches tell small defects. By default a patch is
    compared with the normal patches at its place (`positions`). The weights are the same for every data set, and were
    set on the data of `benchmarks/detectors.py`: with equal ones, images of another kind are ranked a little worse
    than by embeddings alone.

    Each score is standardised by the reference images: less their median, divided by their spread, which is the median
    absolute deviation times 1.4826. One normal image with a defect therefore moves neither. The spread of fewer than
    `ENOUGH` images, or of equal scores, is not known; they are divided by their median, since both scores are
    distances.

    Images of a group, such as a part or a machine, are standardised by the reference images of their group if it has
    `ENOUGH`, else by all.

    A reference image is standardised by all others (the jackknife; Barber, Candès, Ramdas and Tibshirani, 2021,
    arXiv:1905.02928). Standardised by a spread to which it contributes itself, its score would be nearer 0 than that of
    a new image. In simulations with four groups of 20, a target of 5 % then gives about 6 % false alarms, and 4.5 %
    with the others alone. Without groups the rate is kept either way, and leaving out makes it lower than the target
    where images are few: 8 % for a target of 10 % with 20.

    Attributes:
        groups: with statistics of their own, text (k,); the first is empty text, for all images together.
        centres: of each group and member, float64 (k, 2).
        spreads: likewise, above 0.
    """

    options: CombinedOptions
    uses_device = True
    refers_to = ("calibration", "fit")
    learned = ("groups", "centres", "spreads")

    @staticmethod
    def member_specs(options: CombinedOptions) -> list[Spec]:
        """`features` by nearest neighbours and by a method for patches; only with the options that its method has."""
        shared = {key: getattr(options, key) for key in BackboneOptions.model_fields}
        patches = {"method": options.patches, "coreset": options.coreset, "share": options.share}
        return [
            spec("features", {**shared, "neighbours": options.neighbours}, {}),
            spec("features", {**shared, **patches}, {}),
        ]

    @property
    def size(self) -> int:
        """Side of the images that it looks at, pixels: of whole images, where they are cut into tiles."""
        return self.options.side * self.options.tiles

    def refer(self, references: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """Takes the scores of reference images; returns their combined scores, each standardised by the others."""
        names, counts = np.unique(groups, return_counts=True)
        self.groups = np.array(["", *(name for name in names[counts >= ENOUGH] if name)])
        place = self._places(groups)
        self.centres, self.spreads = np.empty((2, len(self.groups), len(references)))
        standardised = np.empty((len(references), len(groups)))
        for number, name in enumerate(self.groups):
            inside = groups == name if name else np.ones(len(groups), bool)
            used = place[inside] == number  # of all images, those that have no group of their own
            for member, scores in enumerate(references):
                own = scores[inside]
                self.centres[number, member], self.spreads[number, member] = centre_and_spread(own)
                centres, spreads = of_the_others(own)
                standardised[member, place == number] = ((own - centres) / spreads)[used]
        return np.average(standardised, axis=0, weights=WEIGHTS)

    def combine(self, scores: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """Weighted mean of the standardised scores, float64 (N,); 0 for an image that is as normal as the median."""
        place = self._places(groups)
        values = np.stack(scores, axis=1)
        return np.average((values - self.centres[place]) / self.spreads[place], axis=1, weights=WEIGHTS)

    def heatmap(self, images: Images, indices: np.ndarray | None = None) -> np.ndarray:
        """Distances of patches from normal patches; see `Features`."""
        return self.members[1].heatmap(images, indices)

    def embed(self, images: Images) -> np.ndarray:
        """Embeddings, float32 (N, D), each of length 1."""
        return self.members[0].embed(images)

    def nearest(self, images: Images) -> np.ndarray:
        """Which of the images fitted on, in the order of their indices, has the nearest embedding, int (N,)."""
        return self.members[0].nearest(images)

    def _places(self, groups: np.ndarray) -> np.ndarray:
        """Of each image, whose statistics apply: places in `groups`; the first, of all images, for unknown groups."""
        known = {name: number for number, name in enumerate(self.groups.tolist())}
        return np.array([known.get(name, 0) for name in np.asarray(groups).tolist()], int)


def centre_and_spread(scores: np.ndarray) -> tuple[float, float]:
    """Median and spread of scores, float64 (n,), n at least 1; the spread is above 0."""
    centre = float(np.median(scores))
    return centre, _deviation(scores, centre) or abs(centre) or 1.0


def of_the_others(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each score the median and the spread of all others, float64 (n,) each; its own, where it is the only one."""
    centre, spread = centre_and_spread(scores)
    if len(scores) == 1:
        return np.array([centre]), np.array([spread])
    centres = medians_without_one(scores)
    if not _deviation(scores, centre):  # then it is not known without one of them either
        return centres, np.where(centres == 0, spread, np.abs(centres))
    spreads = np.empty(len(scores))
    for value in np.unique(centres):  # three at most: who is left out is below, at or above the middle
        same = centres == value
        spreads[same] = TO_DEVIATION * medians_without_one(np.abs(scores - value))[same]
    return centres, np.maximum(spreads, spread / 2)  # where nearly half of the scores are equal, it may be 0


def medians_without_one(values: np.ndarray) -> np.ndarray:
    """The median of all other values for each of them, float64 (n,), n at least 2."""
    order = np.argsort(values, kind="stable")
    ordered, rank = values[order], np.empty(len(values), int)
    rank[order] = np.arange(len(values))
    middle = ((len(values) - 2) // 2, (len(values) - 1) // 2)  # places in the order of the others
    return np.mean([ordered[place + (place >= rank)] for place in middle], axis=0)


def _deviation(scores: np.ndarray, centre: float) -> float:
    """The spread of scores about their median; 0 where it is not known."""
    deviation = TO_DEVIATION * float(np.median(np.abs(scores - centre)))
    return deviation if len(scores) >= ENOUGH and deviation > ROUNDING * abs(centre) else 0.0
