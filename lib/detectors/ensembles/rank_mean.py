"""The mean of the ranks that several detectors give an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from lib.core.errors import UserError
from lib.detectors.base import Detector, History, Images, Options, load, register
from lib.detectors.specs import spec


class EnsembleOptions(Options):
    """Options of an ensemble."""

    members: list[dict[str, dict[str, Any]]] = Field(
        min_length=2, max_length=20, description="its detectors, each by its name with all its options"
    )

    @field_validator("members")
    @classmethod
    def _written_out(cls, members: list[dict[str, dict[str, Any]]], info: ValidationInfo) -> list[dict[str, Any]]:
        """The members with all their options, of which those not given are the study's."""
        defaults = (info.context or {}).get("defaults", {})
        try:
            specs = [
                (name, spec(name, given, defaults, "members")) for member in members for name, given in member.items()
            ]
        except UserError as error:
            raise ValueError(str(error)) from None
        return [{name: member.options.model_dump(mode="json")} for name, member in specs]

    @classmethod
    def describe(cls, title: str, given: Mapping[str, Any]) -> str:
        """`ensemble of autoencoder + features`."""
        return f"{title} of {' + '.join(name for member in given.get('members', []) for name in member)}"


@register("ensemble", family="ensemble", title="ensemble", options=EnsembleOptions)
class Ensemble(Detector):
    """Scores by the mean of the ranks that its members give an image.

    A rank is taken among the scores of some reference images, so that the score of an image depends on no other image
    that is scored. An image that is more abnormal than all of those still ranks higher the more abnormal it is.

    Attributes:
        members: the detectors.
        references: of each member, its scores of the reference images, float64 (n,), ascending.
    """

    options: EnsembleOptions

    def __init__(self, options: EnsembleOptions):
        super().__init__(options)
        pairs = [pair for member in options.members for pair in member.items()]
        self.members: list[Detector] = [spec(name, given, {}, "members").create() for name, given in pairs]
        self.references: list[np.ndarray] = []

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Fits each member; the reference images are those fitted on. `refer` takes others."""
        for member in self.members:
            member.fit(images, indices)
        own = images.take(indices)
        self.refer([member.score(own) for member in self.members])
        return {}

    def refer(self, references: Sequence[np.ndarray]) -> None:
        """Takes the scores of reference images by each member, float64 (n,)."""
        self.references = [np.sort(scores) for scores in references]

    def score(self, images: Images) -> np.ndarray:
        """Mean rank, float64 (N,), in [0, 1] up to one place beyond either end."""
        return self.combine([member.score(images) for member in self.members])

    def combine(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """The mean rank of images from their scores by each member, float64 (N,)."""
        ranks = [rank_among(own, reference) for own, reference in zip(scores, self.references, strict=True)]
        return np.mean(ranks, axis=0)

    def arrays(self) -> dict[str, np.ndarray]:
        """The scores of the reference images."""
        return {f"reference_{number}": scores for number, scores in enumerate(self.references)}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes what `arrays` returned."""
        self.references = [arrays[f"reference_{number}"] for number in range(len(self.members))]

    def save(self, folder: Path) -> None:
        """Writes the members into folders of their own inside `folder`."""
        super().save(folder)
        for number, member in enumerate(self.members):
            member.save(folder / f"member_{number}")

    @classmethod
    def load(cls, folder: Path, options: EnsembleOptions) -> Self:
        """The detector that `save` wrote."""
        detector = super().load(folder, options)
        detector.members = [load(folder / f"member_{number}") for number in range(len(detector.members))]
        return detector


def rank_among(scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Rank of each score among reference scores, as a share, float64 (N,).

    Between two reference scores ranks are interpolated. Beyond the lowest and the highest, a score gains up to one more
    place, by how far it is outside as a share of their range.
    """
    ordered = np.unique(reference)
    places = np.searchsorted(np.sort(reference), ordered, side="right") / len(reference)
    inside = np.interp(scores, ordered, places)
    spread = max(ordered[-1] - ordered[0], np.finfo(float).tiny)
    above, below = np.maximum(scores - ordered[-1], 0) / spread, np.maximum(ordered[0] - scores, 0) / spread
    return inside + (above / (1 + above) - below / (1 + below)) / len(reference)
