"""The test images that two detectors share, without those that would make a comparison unfair."""

from dataclasses import dataclass

import pandas as pd

from lib.evaluation.paired.evaluated import Evaluated

LEAST = 2  # normal images and anomalies that the paired interval of an AUROC needs


@dataclass(frozen=True)
class Shared:
    """Test images of two detectors.

    Attributes:
        table: the images compared, one row each: `id`, `class_name`, `label`, `score_a` and `score_b`.
        normal: normal images in both test sets.
        anomalies: anomalies in both test sets.
        fitted: how many of these normal images A, and how many B, was fitted on.
        left_out: images in both test sets that are not compared, because A or B was fitted on them.
        other_file: images that have one name and are different files; not counted above.
        other_label: images that are normal in one study and an anomaly in the other; not counted above.
    """

    table: pd.DataFrame
    normal: int
    anomalies: int
    fitted: tuple[int, int]
    left_out: int
    other_file: int
    other_label: int


def shared(a: Evaluated, b: Evaluated) -> Shared:
    """The images that both detectors were tested on, by their ids, files and labels.

    Images that one of the two was fitted on are left out if enough others remain: `LEAST` normal images, and `LEAST`
    anomalies or all that are shared.
    """
    both = a.table.merge(b.table.drop(columns="class_name"), on="id", suffixes=("_a", "_b"))
    same_file = both["file_a"] == both["file_b"]
    same_label = both["label_a"] == both["label_b"]
    whole = both[same_file & same_label].rename(columns={"label_a": "label"})
    seen = whole["fitted_a"] | whole["fitted_b"]
    compared = whole[~seen] if _enough(whole["label"], whole.loc[~seen, "label"]) else whole
    return Shared(
        table=compared[["id", "class_name", "label", "score_a", "score_b"]].reset_index(drop=True),
        normal=int((whole["label"] == 0).sum()),
        anomalies=int((whole["label"] == 1).sum()),
        fitted=tuple(int((whole[f"fitted_{name}"] & (whole["label"] == 0)).sum()) for name in "ab"),
        left_out=len(whole) - len(compared),
        other_file=int((~same_file).sum()),
        other_label=int((same_file & ~same_label).sum()),
    )


def _enough(labels: pd.Series, unseen: pd.Series) -> bool:
    """Whether the images that neither detector was fitted on are enough to compare the two."""
    anomalies = (unseen == 1).sum()
    return bool((unseen == 0).sum() >= LEAST and (anomalies >= LEAST or anomalies == (labels == 1).sum()))
