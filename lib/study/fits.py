"""The one path on which any detector of a study is fitted and its scores computed, or found in the cache."""

import functools
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib import detectors
from lib.core import cache, checksums, paths, provenance, strategy
from lib.core.errors import DeviceFault, UserError
from lib.detectors import Detector, History, Spec, batches
from lib.study import device
from lib.study.examples import example_indices
from lib.study.study import Study

LIBRARIES = ("tensorflow", "tensorflow-cpu", "tensorflow-metal", "keras", "numpy", "scikit-learn", "scikit-image")
FIT = "fit.json"  # beside a fitted detector: its history, its layers, and the seconds
TESTED = "device_test.json"  # beside a fit or its scores, where the device was tested before
LEARNED = "learned.npz"  # beside the scores of a network: what those other than its own need

_last: dict[str, Detector] = {}  # the one that this process has fitted last, by its key: it need not be loaded


@dataclass(frozen=True)
class Fitted:
    """A fitted detector and its scores.

    Attributes:
        spec: the detector.
        scores: float64 (N,), of every image of the data set; higher is more abnormal. Those of images that the detector
            refers to are what it would give them had it not; see `lib.detectors.members`.
        seconds: of the `fit` and of the `score` of all images, when they were computed; None where `SOURCE_DATE_EPOCH`
            is set, see `lib.core.provenance.source_date`, and then `history` has none either.
        history: of the fit; empty where nothing is iterated.
        layers: one row a layer of a network: `part`, `layer`, `output`, `parameters`; else empty.
        cached: whether the fit was found in the cache.
        fit_folder: holds the fitted detector; None for one made of others, which have theirs.
        score_folder: holds what scoring left: `examples.npz`, `latent_use.npz`, `left_out.npy` and `learned.npz`, where
            there are any; None for a detector made of others.
        members: those that it is made of.
    """

    spec: Spec
    scores: np.ndarray
    seconds: dict[str, float | None]
    history: History
    layers: list[dict[str, Any]]
    cached: bool
    fit_folder: Path | None
    score_folder: Path | None
    members: tuple["Fitted", ...] = ()

    def detector(self, study: Study) -> Detector:
        """The fitted detector itself, ready to score new images."""
        if self.members:
            together = self.spec.create()
            together.members = [member.detector(study) for member in self.members]
            _refer(study, together, self.members)
            return together
        detector = device.tested(lambda: detectors.load(self.fit_folder, **self.spec.scoring))
        learned = self.score_folder / LEARNED
        if self.spec.scoring != _usual_scoring(self.spec) and learned.is_file():
            with np.load(learned) as arrays:
                detector.set_arrays(dict(arrays))
        else:
            detector.learn_score(study.images, np.sort(study.split.fit))
        return detector

    def copied(self, folder: Path) -> bool:
        """Copies a fitted network, which takes long to load, into a new folder; whether its files are all it needs."""
        network = hasattr(self.spec.kind.detector, "all_scores") and self.spec.scoring == _usual_scoring(self.spec)
        if not network or detectors.recorded(self.fit_folder)[1] != self.spec.options:
            return False
        beside = shutil.ignore_patterns(FIT, TESTED, checksums.NAME)
        shutil.copytree(self.fit_folder, folder, dirs_exist_ok=True, ignore=beside, copy_function=shutil.copyfile)
        return True

    @property
    def device_tests(self) -> list[dict[str, Any]]:
        """Records of the tests of the device before the fit and before the scores; none where none was needed."""
        files = [folder / TESTED for folder in (self.fit_folder, self.score_folder) if folder]
        own = [cache.read_json(file) for file in files if file.is_file()]
        return [*own, *(record for member in self.members for record in member.device_tests)]


def fit_and_score(study: Study, spec: Spec, every_score: bool = False) -> Fitted:
    """Fits a detector on the fit images of a study and scores every image, or finds both in the cache.

    Where the device computes wrong values, the CPU does it if that was asked for; see `lib.study.device`.

    A detector made of others compares their scores with those of reference images, which are the validation set of an
    ensemble, and the calibration set of `combined`; see `lib.detectors.members`. There the score of a reference image
    is that of a new image, as far as the detector can tell it.

    All values of the scoring options share one fit. They also share one pass over the images: of a network that has
    all its scores at once where some other than its own are wanted, of patches through the maps that they keep.

    Args:
        study: the study.
        spec: the detector.
        every_score: whether all scores of a network are wanted sooner or later.

    Raises:
        UserError: the device computes wrong, or a fit has diverged.
    """
    try:
        return _fit_and_score(study, spec, every_score)
    except DeviceFault as fault:
        if not device.falls_back(fault):
            raise
    return _fit_and_score(study, spec, every_score)


def _fit_and_score(study: Study, spec: Spec, every_score: bool) -> Fitted:
    if members := members_of(spec):
        return _together(study, spec, members)
    fit_folder, cached = fit(study, spec)
    own, key = _own_score(spec), fit_folder.name
    has_all = hasattr(spec.kind.detector, "all_scores")
    every = has_all and (every_score or spec.scoring != _usual_scoring(spec))
    score_key = _score_key(study, spec, key, every)
    if has_all and not every:
        every_key = _score_key(study, spec, key, every=True)
        if cache.has("scores", every_key):
            score_key = every_key
    score_folder = cache.cached("scores", score_key, lambda folder: _score(study, spec, fit_folder, folder, every))
    record, score = cache.read_json(fit_folder / FIT), cache.read_json(score_folder / "score.json")
    with np.load(score_folder / "scores.npz") as scores:
        values = scores[own]
    seconds, history = {"fit": record["seconds"], "score": score["seconds"]}, record["history"]
    if provenance.source_date() is not None:  # the cache keeps the times that were measured
        seconds, history = dict.fromkeys(seconds), {key: curve for key, curve in history.items() if key != "seconds"}
    return Fitted(spec, values, seconds, history, record["layers"], cached, fit_folder, score_folder)


def fit(study: Study, spec: Spec) -> tuple[Path, bool]:
    """Fits a detector that is not made of others, or finds it in the cache: its folder, and whether it was found."""
    key = _fit_key(study, spec)
    cached = cache.has("fits", key)

    def make(folder: Path) -> None:
        _last.clear()
        _last[key] = _fit(study, spec, folder)

    return cache.cached("fits", key, make), cached


def fit_together(study: Study, spec: Spec) -> Path | None:
    """Fits a network on all workers of `STRATEGY=multi_worker`, or finds it in the cache of the chief.

    Every worker calls it. Only the chief uses the cache, and says under the lock of the fit whether it has to be made:
    a worker that waited for that lock would keep the chief waiting for it in the first step.

    Returns:
        The folder of the fit for the chief, None for the others.

    Raises:
        UserError: the workers would not fit the same, or a fit has diverged.
    """
    from lib.core.backend import gathered

    key = _fit_key(study, spec)

    def needed(chiefs: bool) -> bool:
        said = gathered([int(key[:15], 16), chiefs])
        if len(set(said[:, 0])) > 1:
            raise UserError(f"{spec.label}: the workers differ in parameters, images, code or versions")
        return bool(said[0, 1])

    made = []

    def make(folder: Path) -> None:
        made.append(needed(True))
        _fit(study, spec, folder)

    folder = None
    if strategy.worker()[0] == 0:
        folder = cache.cached("fits", key, make)
        if not made:
            needed(False)
    elif needed(False):
        with tempfile.TemporaryDirectory() as name:
            _fit(study, spec, Path(name))
    gathered([0])  # no worker ends before the chief has saved the fit
    return folder


def members_of(spec: Spec) -> list[Spec]:
    """The detectors that a detector is made of; none of most."""
    return spec.kind.detector.member_specs(spec.options) if hasattr(spec.kind.detector, "member_specs") else []


def _own_score(spec: Spec) -> str:
    """The name of a detector's score in `scores.npz`."""
    return getattr(spec.options, "score", "score")


def _usual_scoring(spec: Spec) -> dict[str, Any]:
    return {key: spec.kind.options.model_fields[key].default for key in spec.options.scoring}


def _together(study: Study, spec: Spec, members: list[Spec]) -> Fitted:
    fitted = tuple(fit_and_score(study, member) for member in members)
    together = spec.create()
    reference, own = _refer(study, together, fitted)
    scores = together.combine([member.scores for member in fitted], detectors.groups_of(study.images))
    scores[reference] = own
    if not np.isfinite(scores).all():
        raise _diverged(spec, "not every score is a finite number")
    passes = {member.fit_folder: member.seconds for member in fitted}  # scores of one network share one fit and pass
    paid = {key: [seconds[key] for seconds in passes.values()] for key in ("fit", "score")}
    seconds = {key: None if None in values else sum(values) for key, values in paid.items()}
    return Fitted(spec, scores, seconds, {}, [], all(member.cached for member in fitted), None, None, fitted)


def _refer(study: Study, together: Detector, members: tuple[Fitted, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Gives a detector made of others its reference images; returns their indices and their scores."""
    reference = next(part for name in together.refers_to if len(part := getattr(study.split, name)))
    groups = detectors.groups_of(study.images)[reference]
    return reference, together.refer([member.scores[reference] for member in members], groups)


def _fit(study: Study, spec: Spec, folder: Path) -> Detector:
    detector = spec.create()
    tested = device.check(detector, study.images.pixels().shape[-1])
    shared = detector.prepare(study.images)
    started = time.monotonic()
    history = detector.learn(study.images, np.sort(study.split.fit))
    seconds = shared + time.monotonic() - started
    _check_finite(spec, detector, history)
    detector.save(folder)
    layers = detector.layers() if hasattr(detector, "layers") else []
    cache.write_json(folder / FIT, {"history": history, "layers": layers, "seconds": round(seconds, 2)})
    _record(tested, folder)
    return detector


def _score(study: Study, spec: Spec, fit_folder: Path, folder: Path, every: bool) -> None:
    detector = _last.pop(fit_folder.name, None)
    if detector is None or detector.options != spec.options:
        detector = detectors.load(fit_folder, **spec.scoring)
    tested = device.check(detector, study.images.pixels().shape[-1])
    detector.prepare(study.images)
    shared = detector.prepare_score(study.images)
    started = time.monotonic()
    try:
        if every:
            scores = detector.all_scores(study.images, np.sort(study.split.fit))
            np.savez(folder / LEARNED, **detector.arrays())
        else:
            detector.learn_score(study.images, np.sort(study.split.fit))
            scores = {_own_score(spec): detector.score(study.images)}
    except batches.Diverged as error:
        raise _diverged(spec, str(error)) from None
    seconds = shared + time.monotonic() - started
    if wrong := [name for name, values in scores.items() if not np.isfinite(values).all()]:
        raise _diverged(spec, f"the score {wrong[0]} is not a finite number for every image")
    np.savez(folder / "scores.npz", **scores)
    cache.write_json(folder / "score.json", {"seconds": round(seconds, 2)})
    _record(tested, folder)
    if hasattr(detector, "reconstruct"):
        indices = example_indices(study, scores.get("mse", next(iter(scores.values()))))
        reconstructions = np.rint(detector.reconstruct(study.images.take(indices)) * 255).astype(np.uint8)
        np.savez(folder / "examples.npz", indices=indices, reconstructions=reconstructions)
    if hasattr(detector, "latent_use"):
        np.savez(folder / "latent_use.npz", **detector.latent_use(study.images.take(study.split.fit)))
    if hasattr(detector, "left_out"):
        np.save(folder / "left_out.npy", detector.left_out())


def _check_finite(spec: Spec, detector: Detector, history: History) -> None:
    """Refuse a fit whose losses or weights are not finite numbers, before it is cached.

    Raises:
        UserError: it has diverged.
    """
    for name, values in history.items():
        if len(wrong := np.flatnonzero(~np.isfinite(values))):
            raise _diverged(spec, f"{name} is not a finite number from epoch {wrong[0] + 1} on")
    weights = detector.network.model.get_weights() if getattr(detector, "network", None) else []
    if not all(np.isfinite(array).all() for array in weights):
        raise _diverged(spec, "its weights are not finite numbers")


def _diverged(spec: Spec, found: str) -> UserError:
    rate = getattr(spec.options, "learning_rate", None)
    advice = f"; use a smaller learning_rate than {rate:g}" if rate else ""
    return UserError(f"{spec.label}: the fit has diverged: {found}{advice}")


def _record(tested: dict[str, Any], folder: Path) -> None:
    if tested:
        cache.write_json(folder / TESTED, tested)


def _fit_key(study: Study, spec: Spec) -> str:
    options = spec.options.model_dump(mode="json", exclude=set(spec.options.scoring))
    ids = study.images.table["id"].to_numpy()[study.split.fit].tolist()
    code = [_classes(spec.kind.detector), *(cache.code_of(module) for module in spec.kind.detector.modules()[0])]
    versions = {name: version for name, version in provenance.versions().items() if name in LIBRARIES}
    return cache.content_key(
        spec.kind.name, options, study.images.fingerprint, ids, code, versions, provenance.device()
    )


@functools.cache  # like `code_of`: of the code that runs, whatever is edited in the meantime
def _classes(detector: type[Detector]) -> str:
    """A key of the files in which a class and its bases are written: any may hold a part of the fit."""
    modules = {base.__module__ for base in detector.__mro__ if base.__module__.startswith("lib.")}
    return cache.files_key([paths.ROOT.joinpath(*module.split(".")).with_suffix(".py") for module in modules])


def _score_key(study: Study, spec: Spec, fit_key: str, every: bool) -> str:
    scoring = "every" if every else spec.scoring
    code = [cache.code_of(module) for module in ("lib.study.examples", *spec.kind.detector.modules()[1])]
    return cache.content_key(fit_key, scoring, code, study.normal.tolist(), study.anomalies.tolist())
