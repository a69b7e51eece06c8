"""The mean of the ranks that several detectors give an image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from lib.core.errors import UserError
from lib.detectors.base import Options, register
from lib.detectors.members import Together
from lib.detectors.specs import Spec, spec


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
class Ensemble(Together):
    """Scores by the mean of the ranks that its members give an image.

    A rank is taken among the scores of the reference images. An image that is more abnormal than all of those still
    ranks higher the more abnormal it is.

    Attributes:
        references: of each member, its scores of the reference images, float64 (n,), ascending.
    """

    options: EnsembleOptions
    refers_to = ("validation", "fit")

    def __init__(self, options: EnsembleOptions):
        super().__init__(options)
        self.references: list[np.ndarray] = []

    @staticmethod
    def member_specs(options: EnsembleOptions) -> list[Spec]:
        """The members, each with all its options."""
        return [spec(name, given, {}, "members") for member in options.members for name, given in member.items()]

    def refer(self, references: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """Takes the scores of reference images; returns their own mean rank. Groups do not matter."""
        self.references = [np.sort(scores) for scores in references]
        return self.combine(references, groups)

    def combine(self, scores: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """The mean rank, float64 (N,), in [0, 1] up to one place beyond either end."""
        ranks = [rank_among(own, reference) for own, reference in zip(scores, self.references, strict=True)]
        return np.mean(ranks, axis=0)

    def arrays(self) -> dict[str, np.ndarray]:
        """The scores of the reference images."""
        return {f"reference_{number}": scores for number, scores in enumerate(self.references)}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes what `arrays` returned."""
        self.references = [arrays[f"reference_{number}"] for number in range(len(self.members))]


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
