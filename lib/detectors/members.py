"""What detectors share that put the scores of other detectors, their members, together."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from lib.core.cache import content_key
from lib.detectors.base import Detector, History, Images, Options, groups_of, load
from lib.detectors.specs import Spec


class Together(Detector):
    """A detector made of others, whose scores it compares with those of some reference images.

    So the score of an image depends on no other image that is scored with it.

    Attributes:
        members: the detectors.
        refers_to: parts of a study's split; the reference images are those of the first that is not empty.
    """

    refers_to: ClassVar[tuple[str, ...]]

    def __init__(self, options: Options):
        super().__init__(options)
        self.members: list[Detector] = [member.create() for member in self.member_specs(options)]

    @staticmethod
    @abstractmethod
    def member_specs(options: Options) -> list[Spec]:
        """The members, each with all its options."""

    @abstractmethod
    def refer(self, references: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """Takes the scores of reference images by each member.

        Args:
            references: of each member, float64 (n,).
            groups: of each reference image, text (n,); empty text for none.

        Returns:
            The scores of the reference images, float64 (n,).
        """

    @abstractmethod
    def combine(self, scores: Sequence[np.ndarray], groups: np.ndarray) -> np.ndarray:
        """The scores of images, float64 (N,), from their scores by each member and their groups."""

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Fits each member; the reference images are those fitted on, each left out where a member can tell.

        `refer` takes others.
        """
        for member in self.members:
            member.fit(images, indices)
        own = images.take(indices)
        references = [member.left_out() if hasattr(member, "left_out") else np.empty(0) for member in self.members]
        references = [
            found if len(found) else member.score(own) for found, member in zip(references, self.members, strict=True)
        ]
        self.refer(references, groups_of(own))
        return {}

    def score(self, images: Images) -> np.ndarray:
        """Anomaly scores, float64 (N,); see `combine`."""
        return self.combine([member.score(images) for member in self.members], groups_of(images))

    def key(self) -> str:
        """A key of what the members have learned, and of the reference images."""
        return content_key(super().key(), [member.key() for member in self.members])

    def save(self, folder: Path) -> None:
        """Writes the members into folders of their own inside `folder`."""
        super().save(folder)
        for number, member in enumerate(self.members):
            member.save(folder / f"member_{number}")

    @classmethod
    def load(cls, folder: Path, options: Options) -> Self:
        """The detector that `save` wrote."""
        detector = super().load(folder, options)
        members = zip(detector.members, cls.member_specs(options), strict=True)
        detector.members = [
            load(folder / f"member_{number}", **member.scoring) for number, (_, member) in enumerate(members)
        ]
        return detector
