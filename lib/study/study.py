"""A study: its parameters, its images, which of them are normal, and how they are divided."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lib import data, detectors
from lib.core import provenance, traced
from lib.core.errors import UserError
from lib.data import duplicates, grouping, splits
from lib.params import Parameters
from lib.study.published import published
from lib.study.run import METRICS

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
            UserError: the images cannot be had, have no such normal class, or cannot be divided; the published figures
                are not there; a detector or one of its options is unknown.
        """
        published(params)  # checked now, so that a typo fails before training
        detectors.specs(params)
        images = data.load(params)
        labels = images.labels(params.normal_class)
        if not labels.any() and not params.inspects:
            raise UserError(
                f"normal_class: every image is of class '{params.normal_class}', and without anomalies the published "
                f"detectors cannot be tested; say `detector: auto` in {params.study}.yaml"
            )
        if params.protocol == "resubstitution":
            return cls(params, images, labels, splits.resubstitution(labels))
        groups = grouping.of(images, labels, params.duplicates)
        split = splits.holdout(
            images.table["id"].to_numpy(),
            labels,
            groups.units,
            fit_share=params.fit_share,
            calibration_share=params.calibration_share,
            validation_share=params.validation_share,
            seed=params.seed,
            given=images.column("given"),
        )
        opened = cls(params, images, labels, split)
        opened._check(groups.units)
        return opened

    def check_split(self) -> None:
        """Check that no image, file or group is in two sets, where the study holds images out and divided them itself.

        In a division that the data set gives, near-duplicates are counted (`crossing`) and not moved.

        Raises:
            UserError: something is in two sets.
        """
        if self.params.protocol == "holdout":
            self._check(self._grouping.units)

    def _check(self, units: np.ndarray) -> None:
        ids, sha256 = self.images.table["id"].to_numpy(), self.images.table["sha256"].to_numpy()
        splits.check(self.split, ids, ids if self.given else sha256, np.arange(len(ids)) if self.given else units)

    @property
    def counts(self) -> dict[str, int]:
        """How many `images`, `classes`, `normal` images and `anomalies` there are."""
        normal = int((self.labels == 0).sum())
        counts = {
            "images": len(self.labels),
            "classes": len(self.images.class_names),
            "normal": normal,
            "anomalies": len(self.labels) - normal,
        }
        return traced.trace(counts, f"{METRICS}/dataset")

    @property
    def parts(self) -> dict[str, int]:
        """How many images each part of the split has."""
        parts = {
            "fit": len(self.split.fit),
            "calibration": len(self.split.calibration),
            "validation_normal": int((self.labels[self.split.validation] == 0).sum()),
            "validation_anomalies": int((self.labels[self.split.validation] == 1).sum()),
            "normal": len(self.normal),
            "anomalies": len(self.anomalies),
            "dropped": len(self.split.dropped),
        }
        return traced.trace(parts, f"{METRICS}/parts/{self.params.protocol}")

    @property
    def given(self) -> bool:
        """Whether the data set itself gives the division."""
        return self.params.protocol == "holdout" and bool((self.images.column("given") != "").any())

    @cached_property
    def _grouping(self) -> grouping.Grouping:
        return grouping.of(self.images, self.labels, self.params.duplicates)

    @property
    def groups(self) -> np.ndarray:
        """Numbers, int (N,): one for all images that are the same file or count as near-duplicates."""
        return self._grouping.near

    @property
    def grouping(self) -> str:
        """What counts as a near-duplicate, and what stays on one side of the split; one to three sentences."""
        return self._grouping.finding

    @cached_property
    def crossing(self) -> int:
        """The number of test images that are near-duplicates of images not tested on; 0 unless the split was given."""
        return splits.crossing(self.split, self.groups) if self.given else 0

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

    @cached_property
    def _holding_out(self) -> "Study":
        """The same study under the protocol `holdout`; see `holdout_of`."""
        held_out = {"protocol": "holdout", "validation_share": _validation_share(self.params)}
        return Study.open(self.params.model_copy(update=held_out))

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
    are tested on would flatter the one chosen. Where the study names no share, it is `VALIDATION_SHARE`. A study that
    inspects needs none.
    """
    params = study.params
    itself = params.protocol == "holdout" and params.validation_share == _validation_share(params)
    return study if itself else study._holding_out


def _validation_share(params: Parameters) -> float:
    choose = params.refines and not params.inspects
    return params.validation_share or (VALIDATION_SHARE if choose else 0.0)
