"""A study: its parameters, its images, which of them are normal, and how they are divided."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lib import data, detectors
from lib.core import provenance
from lib.data import duplicates, splits
from lib.params import Parameters
from lib.study.published import published

VALIDATION_SHARE = 0.2  # of the anomalies, set aside to choose detectors by where a study names no share


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        params: the parameters.
        images: the prepared data set.
        labels: int8 (N,), 0 normal and 1 anomaly.
        split: which images are fitted on, calibrate, validate, and test.
    """

    params: Parameters
    images: data.ImageSet
    labels: np.ndarray
    split: splits.Split

    @classmethod
    def open(cls, params: Parameters) -> "Study":
        """Opens a study, preparing (and downloading) its images where need be.

        Raises:
            UserError: the images cannot be had, or have no such normal class; the published figures are not there; a
                detector or one of its options is unknown.
        """
        published(params)  # checked now, so that a typo fails before training
        detectors.specs(params)
        images = data.load(params)
        labels = images.labels(params.normal_class)
        if params.protocol == "resubstitution":
            return cls(params, images, labels, splits.resubstitution(labels))
        groups = duplicates.of_images(images)
        ids, sha256 = images.table["id"].to_numpy(), images.table["sha256"].to_numpy()
        split = splits.holdout(
            ids,
            labels,
            groups,
            fit_share=params.fit_share,
            calibration_share=params.calibration_share,
            validation_share=params.validation_share,
            seed=params.seed,
        )
        splits.check(split, ids, sha256, groups)
        return cls(params, images, labels, split)

    @property
    def counts(self) -> dict[str, int]:
        """How many `images`, `classes`, `normal` images and `anomalies` there are."""
        normal = int((self.labels == 0).sum())
        return {
            "images": len(self.labels),
            "classes": len(self.images.class_names),
            "normal": normal,
            "anomalies": len(self.labels) - normal,
        }

    @property
    def parts(self) -> dict[str, int]:
        """How many images each part of the split has."""
        return {
            "fit": len(self.split.fit),
            "calibration": len(self.split.calibration),
            "validation_normal": int((self.labels[self.split.validation] == 0).sum()),
            "validation_anomalies": int((self.labels[self.split.validation] == 1).sum()),
            "normal": len(self.normal),
            "anomalies": len(self.anomalies),
            "dropped": len(self.split.dropped),
        }

    @cached_property
    def groups(self) -> np.ndarray:
        """Numbers, int (N,): one for all images that are the same file or near-duplicates."""
        return duplicates.of_images(self.images)

    @cached_property
    def class_names(self) -> np.ndarray:
        """The class of every image, text (N,)."""
        return self.images.table["class_name"].to_numpy()

    @cached_property
    def normal(self) -> np.ndarray:
        """Indices of the normal images of the test set."""
        return self.split.test[self.labels[self.split.test] == 0]

    @cached_property
    def anomalies(self) -> np.ndarray:
        """Indices of the anomalies of the test set."""
        return self.split.test[self.labels[self.split.test] == 1]

    def pixels(self, indices: np.ndarray) -> np.ndarray:
        """Images by index, uint8 (n, H, W, C)."""
        return self.images.take(indices).images

    def duplicates(self) -> dict[str, Any]:
        """What near-duplicates there are, as `lib.presentation.text.duplicates` takes them."""
        summary = duplicates.summary(self.images.table, self.groups)
        pairs = [(*shared["classes"], shared["groups"]) for shared in summary["across"]]
        return {"groups": summary["groups"], "images": summary["images"], "pairs": pairs}

    def provenance(self) -> dict[str, Any]:
        """Where everything came from: data, code, versions, seed and device."""
        return {
            "study": self.params.study,
            "data": {
                "name": self.images.name,
                "version": self.images.version,
                "images": len(self.labels),
                "fingerprint": self.images.fingerprint,
            },
            "seed": self.params.seed,
            **provenance.record(),
        }


def holdout_of(study: Study) -> Study:
    """The study itself if it holds images out, else the same under the protocol `holdout`.

    A study that compares detectors also needs a validation set: a choice among many detectors by the images that they
    are tested on would flatter the one chosen. Where the study names no share, it is `VALIDATION_SHARE`.
    """
    share = study.params.validation_share or (VALIDATION_SHARE if study.params.refines else 0.0)
    if study.params.protocol == "holdout" and share == study.params.validation_share:
        return study
    return Study.open(study.params.model_copy(update={"protocol": "holdout", "validation_share": share}))
