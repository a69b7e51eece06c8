"""A parameter set for a folder of images: chosen from what is there, and written with a comment on every key."""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from lib import data, params
from lib.core import paths
from lib.core.characters import readable
from lib.core.errors import UserError, did_you_mean
from lib.core.formatting import count
from lib.data import decoding, layouts
from lib.data.splits import Split
from lib.evaluation.thresholds import images_needed
from lib.params import Parameters
from lib.study import Study

SIZE = 224  # what the usual backbone was made for, so that images are prepared once
FEW_TO_CHOOSE_BY = 40  # anomalies, below which all are needed for the test
VALIDATION = 0.2  # of the anomalies, where there are enough
TARGETS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
PREVALENCE = 0.05
INTENSITY = "percentile:0.1,99.9"
HEADERS = 200  # images whose headers are read for it
NEAR = 2  # folders upwards from params/ that a relative path may climb


@dataclass(frozen=True)
class Proposal:
    """Parameters for some images, and what they were chosen by.

    Attributes:
        study: The study, opened; its split has no images where they cannot be divided.
        reason: Why they cannot be divided; empty if they can.
    """

    study: Study
    reason: str = ""

    @property
    def params(self) -> Parameters:
        """Those of the study."""
        return self.study.params


def check_name(name: str) -> None:
    """Check that a study can have this name and that no other has.

    Raises:
        UserError: It has other characters than small letters, digits and `_`, or there is such a study.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        better = better if better[:1].isalpha() else f"study_{better}".strip("_")
        raise UserError(
            f"NAME={readable(name)}: must have small letters, digits and _ only, a letter first; try NAME={better}"
        )
    path = paths.params_folder() / f"{name}.yaml"
    if path.exists():
        raise UserError(f"NAME={name}: {paths.shown(path)} is there already; remove it or choose another name")


def normal_class(counts: Mapping[str, int], given: str | None) -> str:
    """Return the class that is normal: the one given, else `good`, `ok` or `normal`, else the only one.

    Args:
        counts: Images of every class.
        given: The class that the user names; None if none.

    Raises:
        UserError: There is no such class, or none is named and it cannot be told.
    """
    if given is not None:
        if given in counts:
            return given
        hint = did_you_mean(given, list(counts))
        raise UserError(f"NORMAL={readable(given)}: is not a class of these images{hint}; there are {_listed(counts)}")
    usual = [name for name in counts if name.lower() in layouts.NORMAL]
    if len(usual) == 1 or len(counts) == 1:
        return (usual or list(counts))[0]
    raise UserError(f"NORMAL: say which class is normal, with NORMAL=CLASS; there are {_listed(counts)}")


def _listed(counts: Mapping[str, int], most: int = 12) -> str:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    named = [f"{readable(name)} ({number:,})" for name, number in ordered[:most]]
    return ", ".join(named) + (f" and {len(ordered) - most:,} more" if len(ordered) > most else "")


def relative(images: str | Path) -> str:
    """Return a path as a parameter set names it: relative to `params/` where it lies near, whole elsewhere."""
    whole = paths.expanded(images).absolute()
    whole = whole.resolve() if ".." in whole.parts else whole
    near = Path(os.path.relpath(whole, paths.params_folder()))
    return near.as_posix() if near.parts.count("..") <= NEAR else whole.as_posix()


def propose(name: str, images: str | Path, normal: str | None = None) -> Proposal:
    """Choose the parameters of a study of a folder; prepares its images.

    The normal class and the name are checked first.

    The target false alarm rate is the lowest of `TARGETS` that the calibration images support. There is a validation
    set where there are `FEW_TO_CHOOSE_BY` anomalies, the folder gives no division, and the target need not be raised
    for it: it takes half of the calibration images.

    Args:
        name: Of the study.
        images: The folder or the manifest.
        normal: The normal class; None if it is to be told by its name.

    Raises:
        UserError: The name or the normal class will not do, or the images cannot be prepared.
    """
    check_name(name)
    if not _is_unicode(str(images)):
        raise UserError(f"images: {readable(str(images))}: this path is not valid Unicode (UTF-8); rename the folder")
    layout = data.look(paths.expanded(images), normal or "")
    normal = normal_class(layout.table["class_name"].value_counts().to_dict(), normal)
    chosen = Parameters(
        study=name,
        title=name.replace("_", " ").capitalize(),
        dataset="folder",
        images=relative(images),
        normal_class=normal,
        intensity=INTENSITY if _is_measured(layout) else "",
        image_size=SIZE,
        protocol="holdout",
        fit_share=0.6,
        calibration_share=0.2,
        threshold_rule="target_fpr",
        target_fpr=TARGETS[0],
        prevalence=PREVALENCE,
        detector="auto",
    )
    prepared = data.load(chosen)
    labels = prepared.labels(normal)
    undivided = Study(chosen, prepared, labels, Split(np.zeros(0, int), np.zeros(0, int)))
    enough = not undivided.given and int(labels.sum()) >= FEW_TO_CHOOSE_BY
    reason = ""
    studies: list[Study] = []
    for share in [VALIDATION, 0.0] if enough else [0.0]:
        try:
            study = Study.open(chosen.model_copy(update={"validation_share": share}))
        except UserError as error:
            reason = str(error)
            continue
        calibration = len(study.split.calibration)
        target = next((rate for rate in TARGETS if images_needed(rate) <= calibration), TARGETS[-1])
        studies.append(replace(study, params=study.params.model_copy(update={"target_fpr": target})))
    if not studies:
        return Proposal(undivided, reason)
    return Proposal(min(studies, key=lambda study: study.params.target_fpr))  # of equal ones the first


def _is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8; names of files need not be."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_measured(layout: data.Layout) -> bool:
    """Whether some of the images have more than 8 bits, so that it has to be said what is black; looks at some."""
    paths_looked_at = layout.table["id"][:: max(len(layout.table) // HEADERS, 1)]
    for path in paths_looked_at:
        with contextlib.suppress(OSError, decoding.Unreadable), open(layout.root / path, "rb") as file:
            if decoding.looked_at(file)[1] > 8:
                return True
    return False


def as_yaml(proposal: Proposal) -> str:
    """The parameter set as YAML, one commented line a key; loads as `proposal.params`."""
    chosen = proposal.params
    target = "share of normal images that may be flagged"
    if chosen.target_fpr > TARGETS[0]:
        calibration = len(proposal.study.split.calibration)
        lowest = f"{count(calibration, 'calibration image')} allow none below {1 / (calibration + 1):.2g}"
        target += f"; not {TARGETS[0]:g}, as {lowest}"
    comments = {
        "study": "the name of this file",
        "title": "the title of the report",
        "dataset": "images of a folder, or of a manifest (.csv or .parquet)",
        "images": "where they are; a relative path starts at params/",
        "normal_class": "images of every other class are anomalies",
        "intensity": "which values are black and white in images of more than 8 bits",
        "image_size": "each image is resized to a square of so many pixels a side",
        "tiles": "2: looks at each image in 2 x 2 pieces, to see smaller defects; about 4 times as slow",
        "duplicates": "near-duplicates go to the same part; keep: only identical files do",
        "protocol": "test images are neither fitted on nor used for the threshold",
        **_shares(proposal),
        "detector": "auto: the best on the validation set; without one, the usual one (combined)",
        "threshold_rule": "the threshold is set on normal images alone, by target_fpr",
        "target_fpr": target,
        "prevalence": "share of anomalies that you expect in use; work saved is computed with it",
        "seed": "another number divides the images otherwise",
    }
    if not chosen.intensity:
        del comments["intensity"]
    lines = [f"{key}: {_scalar(getattr(chosen, key))}" for key in comments]
    width = min(max(map(len, lines)), 32)
    body = [f"{line:{width}}  # {comment}" for line, comment in zip(lines, comments.values(), strict=True)]
    head = f"# A study of your own images, written by `make study`. The report: make report STUDY={chosen.study}"
    return "\n".join([head, *body]) + "\n"


def _shares(proposal: Proposal) -> dict[str, str]:
    """Comments on the shares, which mean less where the folder itself gives the division."""
    chosen = proposal.params
    if proposal.study.given:
        whole = chosen.fit_share + chosen.calibration_share
        return {
            "fit_share": f"{chosen.fit_share:g} of {whole:g} of the training images are fitted on",
            "calibration_share": f"{chosen.calibration_share:g} of {whole:g} set the threshold, unless there are "
            "validation images in the folder",
            "validation_share": "not used: the folder says what is tested on",
        }
    if chosen.validation_share:
        rule = "share of the anomalies to choose a detector by; the others are tested on"
        calibration = "of them, half to set the threshold and half to choose a detector by"
    else:
        rule = "share of the anomalies to choose a detector by; 0: all are tested on, and no choice is made"
        calibration = "share of them that sets the threshold"
    rest = 1 - chosen.fit_share - chosen.calibration_share
    return {
        "fit_share": "share of the normal images that detectors are fitted on",
        "calibration_share": f"{calibration}; the other {rest:.2g} of them are tested on",
        "validation_share": rule,
    }


def _scalar(value: object) -> str:
    """A value as YAML on one line, quoted where its text needs it."""
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    plain = yaml.safe_dump(value, allow_unicode=True, width=10**9).removesuffix("...\n").rstrip("\n")
    safe = "\n" not in plain and value.isprintable()
    return plain if safe else yaml.safe_dump(value, default_style='"', width=10**9).rstrip("\n")


def write(proposal: Proposal) -> Path:
    """Write `params/NAME.yaml` and return its path; a file that is there is never replaced.

    Raises:
        UserError: There is such a file, or it cannot be written.
    """
    path = paths.params_folder() / f"{proposal.params.study}.yaml"
    text = as_yaml(proposal)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        check_name(proposal.params.study)
        raise
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UserError(f"{paths.shown(path)}: cannot be written: {error.strerror}") from None
    if params.load(proposal.params.study) != proposal.params:
        raise AssertionError(f"{path} does not load as it was written")
    return path
