"""The one path on which any detector of a study is fitted and its scores computed, or found in the cache."""

import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib import detectors
from lib.core import cache, paths, provenance
from lib.detectors import Detector, History, Spec
from lib.study.examples import example_indices
from lib.study.study import Study

LIBRARIES = ("tensorflow", "tensorflow-cpu", "tensorflow-metal", "keras", "numpy", "scikit-learn", "scikit-image")


@dataclass(frozen=True)
class Fitted:
    """A fitted detector and its scores.

    Attributes:
        spec: the detector.
        scores: float64 (N,), of every image of the data set; higher is more abnormal.
        seconds: of the `fit` and of the `score` of all images, when they were computed.
        history: of the fit; empty where nothing is iterated.
        layers: one row a layer of a network: `part`, `layer`, `output`, `parameters`; else empty.
        cached: whether the fit was found in the cache.
        fit_folder: holds the fitted detector; None for an ensemble, whose members have theirs.
        score_folder: holds what scoring left: `examples.npz`, `latent_use.npz` and `left_out.npy`, where there are any.
        members: of an ensemble.
    """

    spec: Spec
    scores: np.ndarray
    seconds: dict[str, float]
    history: History
    layers: list[dict[str, Any]]
    cached: bool
    fit_folder: Path | None
    score_folder: Path | None
    members: tuple["Fitted", ...] = ()

    def detector(self, study: Study) -> Detector:
        """The fitted detector itself, ready to score new images."""
        if self.members:
            ensemble = self.spec.create()
            ensemble.members = [member.detector(study) for member in self.members]
            ensemble.refer(_reference_scores(study, self.members))
            return ensemble
        scoring = {name: getattr(self.spec.options, name) for name in self.spec.options.scoring}
        detector = detectors.load(self.fit_folder, **scoring)
        detector.learn_score(study.images, np.sort(study.split.fit))
        return detector


def fit_and_score(study: Study, spec: Spec, every_score: bool = False) -> Fitted:
    """Fits a detector on the fit images of a study and scores every image, or finds both in the cache.

    An ensemble ranks among the scores of the validation set.

    Args:
        study: the study.
        spec: the detector.
        every_score: whether all values of the option `score` are wanted sooner or later; they come from one pass.

    Raises:
        UserError: the device computes wrong.
        ValueError: a score is not a finite number.
    """
    if members := _members(study, spec):
        return _combined(study, spec, members)
    fit_key = _fit_key(study, spec)
    cached = (paths.cache_folder() / "fits" / fit_key).is_dir()
    fit_folder = cache.cached("fits", fit_key, lambda folder: _fit(study, spec, folder))
    every = "score" in spec.options.scoring and (every_score or spec.options.score != "mse")
    score_key = _score_key(study, spec, fit_key, every)
    if not every and "score" in spec.options.scoring:
        every_key = _score_key(study, spec, fit_key, every=True)
        if (paths.cache_folder() / "scores" / every_key).is_dir():
            score_key = every_key
    score_folder = cache.cached("scores", score_key, lambda folder: _score(study, spec, fit_folder, folder, every))
    fit, score = cache.read_json(fit_folder / "fit.json"), cache.read_json(score_folder / "score.json")
    with np.load(score_folder / "scores.npz") as scores:
        own = scores[getattr(spec.options, "score", "score")]
    seconds = {"fit": fit["seconds"], "score": score["seconds"]}
    return Fitted(spec, own, seconds, fit["history"], fit["layers"], cached, fit_folder, score_folder)


def _members(study: Study, spec: Spec) -> list[Spec]:
    listed = getattr(spec.options, "members", [])
    return [detectors.spec(name, given, {}, "members") for member in listed for name, given in member.items()]


def _combined(study: Study, spec: Spec, members: list[Spec]) -> Fitted:
    fitted = tuple(fit_and_score(study, member) for member in members)
    ensemble = spec.create()
    ensemble.refer(_reference_scores(study, fitted))
    scores = ensemble.combine([member.scores for member in fitted])
    passes = {member.fit_folder: member.seconds for member in fitted}  # scores of one network share one fit and pass
    seconds = {key: sum(paid[key] for paid in passes.values()) for key in ("fit", "score")}
    return Fitted(spec, scores, seconds, {}, [], all(member.cached for member in fitted), None, None, fitted)


def _reference_scores(study: Study, members: tuple[Fitted, ...]) -> list[np.ndarray]:
    """Scores by each member of the validation set; of the fit set where the study has no validation set."""
    reference = study.split.validation if len(study.split.validation) else study.split.fit
    return [member.scores[reference] for member in members]


def _fit(study: Study, spec: Spec, folder: Path) -> None:
    detector = spec.create()
    _check_device(detector)
    shared = detector.prepare(study.images)
    started = time.monotonic()
    history = detector.learn(study.images, np.sort(study.split.fit))
    seconds = shared + time.monotonic() - started
    detector.save(folder)
    layers = detector.layers() if hasattr(detector, "layers") else []
    cache.write_json(folder / "fit.json", {"history": history, "layers": layers, "seconds": round(seconds, 2)})


def _score(study: Study, spec: Spec, fit_folder: Path, folder: Path, every: bool) -> None:
    scoring = {name: getattr(spec.options, name) for name in spec.options.scoring}
    detector = detectors.load(fit_folder, **scoring)
    _check_device(detector)
    detector.prepare(study.images)
    started = time.monotonic()
    if every:
        scores = detector.all_scores(study.images, np.sort(study.split.fit))
    else:
        detector.learn_score(study.images, np.sort(study.split.fit))
        scores = {getattr(spec.options, "score", "score"): detector.score(study.images)}
    seconds = time.monotonic() - started
    if not all(np.isfinite(values).all() for values in scores.values()):
        raise ValueError(f"{spec.label}: not every score is a finite number; the detector has diverged")
    np.savez(folder / "scores.npz", **scores)
    cache.write_json(folder / "score.json", {"seconds": round(seconds, 2)})
    if hasattr(detector, "reconstruct"):
        indices = example_indices(study, scores.get("mse", next(iter(scores.values()))))
        reconstructions = np.rint(detector.reconstruct(study.images.take(indices)) * 255).astype(np.uint8)
        np.savez(folder / "examples.npz", indices=indices, reconstructions=reconstructions)
    if hasattr(detector, "latent_use"):
        np.savez(folder / "latent_use.npz", **detector.latent_use(study.images.take(study.split.fit)))
    if hasattr(detector, "left_out"):
        np.save(folder / "left_out.npy", detector.left_out())


def _check_device(detector: Detector) -> None:
    if detector.uses_device:
        from lib.core import backend

        backend.check_device()


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
    scoring = "every" if every else {name: getattr(spec.options, name) for name in spec.options.scoring}
    code = [cache.code_of(module) for module in ("lib.study.examples", *spec.kind.detector.modules()[1])]
    return cache.content_key(fit_key, scoring, code, study.normal.tolist(), study.anomalies.tolist())
