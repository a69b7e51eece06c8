"""One study from its parameters to its scores: the line that an image travels, walked once and kept.

Notebooks open a `Study`, ask it to train a detector, and read what it leaves in the run folder. Fitted detectors
and their scores are kept by content key, so nothing is computed twice.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import data
from lib.core import cache, paths, provenance
from lib.core.errors import UserError
from lib.data import attributes, duplicates, splits
from lib.evaluation import metrics
from lib.evaluation.thresholds import decide
from lib.params import Parameters, Refinement, load
from lib.study.run import Run

SAMPLES = 8  # images in a row of reconstructions
EXTREMES = 4  # lowest and highest scores shown
MAPS = 5  # difference maps shown


@dataclass(frozen=True)
class Trained:
    """What training a detector left behind.

    Attributes:
        history: one list a curve, one value an epoch.
        layers: one row a layer: `part`, `layer`, `output`, `parameters`.
        scores: anomaly score of every image of the data set, in its order.
        seconds: of the `fit` and of the `score` of all images, when they were computed.
        kept: whether the fit was read from the cache.
    """

    history: dict[str, list[float]]
    layers: list[dict[str, Any]]
    scores: np.ndarray
    seconds: dict[str, float]
    kept: bool


@dataclass(frozen=True)
class Study:
    """A study's parameters, its images, which of them are normal, and how they are divided.

    Attributes:
        params: the parameters.
        images: the prepared data set.
        labels: int8 (N,), 0 normal and 1 anomaly.
        split: which images are fitted on, shown to threshold rules, and judged.
        refinement: what differs from the published autoencoder besides the parameters; None: nothing.
    """

    params: Parameters
    images: data.ImageSet
    labels: np.ndarray
    split: splits.Split
    refinement: Refinement | None = None

    @classmethod
    def open(cls, params: Parameters) -> "Study":
        """Opens a study, preparing (and downloading) its images where need be.

        Raises:
            UserError: the images cannot be had, or have no such normal class; the published figures are not there;
                there is no such backbone.
        """
        published(params)  # asked now, lest a misspelt name be found after training
        if params.backbone and params.backbone != "efficientnet_lite0":  # which needs no asking, and no Keras
            from lib.detectors import features

            features.check(params.backbone)
        images = data.load(params)
        labels = images.labels(params.normal_class)
        if params.protocol == "resubstitution":
            return cls(params, images, labels, splits.split(params.protocol, labels))
        groups = _groups(images)
        ids, sha256 = images.table["id"].to_numpy(), images.table["sha256"].to_numpy()
        divided = splits.holdout(
            ids,
            labels,
            groups,
            fit_share=params.fit_share,
            calibration_share=params.calibration_share,
            validation_share=params.validation_share,
            seed=params.seed,
        )
        splits.check(divided, ids, sha256, groups)
        return cls(params, images, labels, divided)

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

    @cached_property
    def groups(self) -> np.ndarray:
        """Numbers, int (N,): one for all images that are the same file or near-duplicates; found when first asked."""
        return _groups(self.images)

    @cached_property
    def normal(self) -> np.ndarray:
        """Indices of the normal images that are judged."""
        return self.split.test[self.labels[self.split.test] == 0]

    @cached_property
    def anomalies(self) -> np.ndarray:
        """Indices of the anomalies that are judged."""
        return self.split.test[self.labels[self.split.test] == 1]

    def pixels(self, indices: np.ndarray) -> np.ndarray:
        """Images by index, uint8 (n, H, W, C)."""
        return np.asarray(self.images.images[np.sort(indices)])[np.argsort(np.argsort(indices))]

    def begin(self) -> Run:
        """Starts this study's run folder anew: its parameters, where everything came from, and the data's counts."""
        run = Run.of(self.params.study)
        for stale in ("scores.parquet", "metrics.json"):
            (run.folder / stale).unlink(missing_ok=True)
        run.write("params", self.params.model_dump())
        run.write("manifest", self.provenance())
        dataset = {"name": self.images.name, "version": self.images.version, **self.counts}
        with cache.replacing(run.folder / "split.csv") as temporary:
            splits.to_table(self.split, self.images.table["id"].to_numpy()).to_csv(temporary, index=False)
        run.update_metrics({"study": self.params.study, "protocol": self.params.protocol, "dataset": dataset})
        return run

    def run(self) -> Run:
        """This study's run folder, begun (with the autoencoder trained) if training has not left its scores there."""
        run = Run.of(self.params.study)
        if not run.exists:
            run = self.begin()
            self.train(run, "autoencoder")
        return run

    def refined(self, refinement: Refinement) -> "Study":
        """The same study with a refinement of its autoencoder, judged on the same images."""
        changes = refinement.changes
        params = {key: changes[key] for key in ("latent_dim", "epochs", "seed", "beta") if key in changes}
        fit = self.split.fit
        if refinement.fit_images:
            random = np.random.default_rng(self.params.seed)
            fit = np.sort(random.permutation(fit)[: max(1, round(refinement.fit_images * len(fit)))])
        divided = replace(self.split, fit=fit)
        return replace(self, params=self.params.model_copy(update=params), split=divided, refinement=refinement)

    @property
    def name(self) -> str:
        """Name of the detector that a refinement is of."""
        return "beta_vae" if self.refinement and self.refinement.beta is not None else "autoencoder"

    def errors(self, name: str) -> dict[str, np.ndarray]:
        """Every score of `lib.detectors.reconstruction.scores.SCORES` of every image, by name; only of a study that refines."""
        with np.load(self._kept(name)[1] / "errors.npz") as kept:
            return {key: kept[key] for key in kept.files}

    def history(self, name: str) -> dict[str, list[float]]:
        """How a detector's fit went: one list a curve, one value an epoch."""
        return cache.read_json(self._kept(name)[0] / "fit.json")["history"]

    def health(self, name: str) -> dict[str, np.ndarray]:
        """How a VAE uses its latent vector, on the images fitted on: see `lib.detectors.reconstruction.vae.health`."""
        with np.load(self._kept(name)[1] / "health.npz") as kept:
            return {key: kept[key] for key in kept.files}

    def scores(self, name: str, seed: int | None = None) -> np.ndarray:
        """Scores of every image by a detector fitted on the fit images, with another seed than the study's if given."""
        return np.load(self._kept(name, seed)[1] / "scores.npy")

    def seconds(self, name: str) -> float:
        """Seconds that fitting a detector and scoring every image took, when they were computed."""
        fitted, scored = self._kept(name)
        return cache.read_json(fitted / "fit.json")["seconds"] + cache.read_json(scored / "seconds.json")["score"]

    def fit_seconds(self, name: str) -> float:
        """Seconds that fitting a detector took, when it was fitted."""
        return cache.read_json(self._kept(name)[0] / "fit.json")["seconds"]

    def train(self, run: Run, name: str) -> Trained:
        """Fits a detector on the fit images, scores every image, and leaves both in the run folder.

        A fit or scores made before from the same data, parameters, code and libraries are read, not computed.

        Args:
            run: where the scores, history and example reconstructions are written.
            name: `autoencoder`, `vae` or `beta_vae`.
        """
        kept = (paths.cache_folder() / "fits" / self._fit_key(name)).is_dir()
        fitted, scored = self._kept(name)
        record = cache.read_json(fitted / "fit.json")
        seconds = {"fit": record["seconds"], **cache.read_json(scored / "seconds.json")}
        trained = Trained(record["history"], record["layers"], np.load(scored / "scores.npy"), seconds, kept)
        self._leave(run, name, trained, fitted, scored)
        return trained

    def _kept(self, name: str, seed: int | None = None) -> tuple[Path, Path]:
        """The cache folders of a fit and of its scores, made where they are not there yet."""
        key = self._fit_key(name, seed)
        fitted = cache.cached("fits", key, lambda made: self._fit(name, made, seed))
        scored = cache.content_key(key, self._score_key())
        return fitted, cache.cached("scores", scored, lambda made: self._score(name, fitted, made))

    def duplicates(self) -> dict[str, Any]:
        """What near-duplicates there are, as `lib.presentation.text.duplicates` takes them."""
        found = duplicates.summary(self.images.table, self.groups)
        pairs = [(*shared["classes"], shared["groups"]) for shared in found["across"]]
        return {"groups": found["groups"], "images": found["images"], "pairs": pairs}

    def attributes(self) -> pd.DataFrame:
        """What can be measured of each image, one row an image (see `lib.data.attributes`), measured once and kept."""
        code = cache.files_key([paths.ROOT / "lib" / "attributes.py"])

        def measure(folder: Path) -> None:
            attributes.measure(self.images.images).to_parquet(folder / "attributes.parquet", index=False)

        folder = cache.cached("attributes", cache.content_key(self.images.fingerprint, code), measure)
        return pd.read_parquet(folder / "attributes.parquet")

    def compare(self, group: np.ndarray, others: np.ndarray) -> tuple[list[str], list[dict[str, float]]]:
        """How the measured attributes of one group of images differ from those of another.

        Args:
            group: indices of the images in question.
            others: indices of those to compare with.

        Returns:
            Plain names and `lib.evaluation.metrics.shift` results, strongest difference first. Attributes that are the same
            on all these images are left out; empty lists if either group is empty.
        """
        measured = self.attributes()
        if not len(group) or not len(others):
            return [], []
        results = {}
        for name in measured.columns:
            values = measured[name].to_numpy()
            if np.ptp(values[np.r_[group, others]]) > 0:
                results[attributes.DESCRIPTIONS[name]] = metrics.shift(values[group], values[others])
        ranked = sorted(results, key=lambda name: -abs(results[name]["value"] - 0.5))
        return ranked, [results[name] for name in ranked]

    def test(self, run: Run, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Labels and a detector's scores of the images that are judged."""
        return self.labels[self.split.test], run.scores()[name].to_numpy()[self.split.test]

    def ends(self, scores: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Indices of the images of a group with the lowest and the highest scores, `EXTREMES` of each at most."""
        ranked = group[metrics.lowest(scores[group], len(group))]
        return ranked if len(ranked) <= 2 * EXTREMES else np.r_[ranked[:EXTREMES], ranked[-EXTREMES:]]

    def extremes(self, run: Run, name: str, group: np.ndarray, threshold: float) -> tuple[np.ndarray, ...]:
        """Originals, reconstructions, scores and decisions of a group's `ends`, as `lib.presentation.plots.extremes` takes them."""
        scores = run.scores()[name].to_numpy()
        ends = self.ends(scores, group)
        return self.pixels(ends), run.examples(name, ends), scores[ends], decide(scores[ends], threshold)

    def published(self, name: str, threshold: float) -> dict[str, Any] | None:
        """The published figures of a detector at a threshold; None where the study is compared with none."""
        figures = published(self.params).get("detectors", {}).get(name, {}).get("thresholds", {})
        return figures.get(f"{threshold:g}")

    def published_by_name(self, threshold: float, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """The published figures at a threshold under each detector's printed name, where there are any."""
        found = {printed: self.published(name, threshold) for name, printed in names.items()}
        return {printed: figures for printed, figures in found.items() if figures}

    def shown(self, scores: np.ndarray) -> np.ndarray:
        """Indices of the images whose reconstructions pages show; see `SAMPLES`, `EXTREMES` and `MAPS`."""
        picks = [self.split.fit[:SAMPLES]]
        for group in (self.normal, self.anomalies):
            picks += [self.ends(scores, group), group[metrics.highest(scores[group], MAPS)]]
        return np.unique(np.concatenate(picks))

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

    def _fit(self, name: str, folder: Path, seed: int | None = None) -> None:
        from lib import detectors
        from lib.core import backend

        backend.check_device()
        params = self.params if seed is None else self.params.model_copy(update={"seed": seed})
        detector = detectors.build(name, params, self.images.images.shape[-1], **self._network())
        started = time.monotonic()
        history = detector.fit(self.pixels(self.split.fit))
        seconds = time.monotonic() - started
        detector.save(folder)
        cache.write_json(
            folder / "fit.json", {"history": history, "layers": detector.describe(), "seconds": round(seconds, 2)}
        )

    def _network(self) -> dict[str, Any]:
        """What a refinement changes of the network and of how it is fitted, by fields of `Settings`."""
        elsewhere = {"latent_dim", "epochs", "seed", "beta", "fit_images"}  # in the parameters, in the split
        changes = self.refinement.changes if self.refinement else {}
        return {key: value for key, value in changes.items() if key not in elsewhere}

    @property
    def _every_error(self) -> bool:
        """Whether each image's reconstruction is judged by every score, while it is there."""
        return self.params.refines

    def _score(self, name: str, fitted: Path, folder: Path) -> None:
        from lib import detectors
        from lib.core import backend

        backend.check_device()
        detector = detectors.load(name, fitted)
        started = time.monotonic()
        if self._every_error:
            from lib.detectors.reconstruction.scores import Errors

            errors = Errors(detector, self.pixels(self.split.fit)).score(self.images.images)
            scores = errors["mse"]
            np.savez(folder / "errors.npz", **errors)
        else:
            scores = detector.score(self.images.images)
        seconds = time.monotonic() - started
        if isinstance(detector, detectors.VAE):
            np.savez(folder / "health.npz", **detector.health(self.pixels(self.split.fit)))
        shown = self.shown(scores)
        reconstructions = np.rint(detector.reconstruct(self.pixels(shown)) * 255).astype(np.uint8)
        np.save(folder / "scores.npy", scores)
        np.savez(folder / "examples.npz", indices=shown, reconstructions=reconstructions)
        cache.write_json(folder / "seconds.json", {"score": round(seconds, 2)})

    def _leave(self, run: Run, name: str, trained: Trained, fitted: Path, scored: Path) -> None:
        frame = run.scores() if run.exists else self._frame()
        run.write_scores(frame.assign(**{name: trained.scores}))
        with np.load(scored / "examples.npz") as examples:
            run.write_examples(name, examples["indices"], examples["reconstructions"])
        run.write_history(name, trained.history)
        run.keep(name, fitted / "detector.keras")
        run.update_metrics({"detectors": {name: {"seconds": trained.seconds}}})

    def _frame(self) -> pd.DataFrame:
        fitted = np.zeros(len(self.labels), bool)
        fitted[self.split.fit] = True
        return self.images.table[["id", "class_name"]].assign(label=self.labels, fitted=fitted)

    def _fit_key(self, name: str, seed: int | None = None) -> str:
        chosen = self.params
        used = {
            "detector": name,
            "image_size": chosen.image_size,
            "latent_dim": chosen.latent_dim,
            "epochs": chosen.epochs,
            "batch_size": chosen.batch_size,
            "learning_rate": chosen.learning_rate,
            "seed": chosen.seed if seed is None else seed,
            "precision": chosen.precision,
            "network": self._network(),
            "beta": chosen.beta if name == "beta_vae" else None,
        }
        ids = self.images.table["id"].to_numpy()[self.split.fit].tolist()
        # Not reference/ and features/, which no network needs, nor errors.py, which only scores.
        networks = [each for each in (paths.ROOT / "lib" / "detectors").glob("*.py") if each.stem != "errors"]
        code = cache.files_key(
            [*networks, *(paths.ROOT / "lib" / f"{name}.py" for name in ("training", "augmentation"))]
        )
        versions = {
            name: version for name, version in provenance.versions().items() if name.startswith(("tensorflow", "keras"))
        }
        return cache.content_key(used, self.images.fingerprint, ids, code, versions, provenance.device())

    def _score_key(self) -> str:
        lib = paths.ROOT / "lib"
        errors = [lib / "detectors" / "errors.py", lib / "detectors" / "features" / "gaussian.py"]
        code = cache.files_key([lib / "scoring.py", *(errors if self._every_error else [])])
        examples = [SAMPLES, EXTREMES, MAPS, self.normal.tolist(), self.anomalies.tolist()]
        return cache.content_key(self.images.fingerprint, examples, code, self._every_error)


def finished(study: str) -> Run:
    """The run of a study that notebooks read: begun and trained from `params/` if training has not been there yet."""
    run = Run.of(study)
    if not run.exists:
        print(f"{study}: not trained yet; training with params/{study}.yaml", file=sys.stderr)
        run = Study.open(load(study)).run()
    return run


def of_run(run: Run, threshold: float | None = None) -> Study:
    """The study that a run folder was made from, with another fixed threshold where one is given."""
    params = Parameters.model_validate(run.read("params"))
    study = Study.open(params if threshold is None else params.model_copy(update={"threshold": threshold}))
    if params.protocol == "holdout":  # the data set may have changed since it was divided
        ids, sha256 = study.images.table["id"].to_numpy(), study.images.table["sha256"].to_numpy()
        saved = splits.from_table(pd.read_csv(run.folder / "split.csv"), ids)
        splits.check(saved, ids, sha256, study.groups)
    return study


def published(params: Parameters) -> dict[str, Any]:
    """The published figures that a study is compared with; empty where it names none.

    Raises:
        UserError: the file it names is not there.
    """
    if not params.published:
        return {}
    path = paths.params_folder() / "published" / f"{params.published}.json"
    if not path.is_file():
        raise UserError(f"published: {paths.shown(path)} is not there")
    return cache.read_json(path)


def _groups(images: data.ImageSet) -> np.ndarray:
    """Groups of near-duplicates, found once a data set and kept."""
    code = cache.files_key(list((paths.ROOT / "lib" / "duplicates").glob("*.py")))

    def find(folder: Path) -> None:
        sizes = images.table[["height", "width"]].to_numpy()
        np.save(folder / "groups.npy", duplicates.groups(images.images, images.table["sha256"].tolist(), sizes))

    return np.load(cache.cached("groups", cache.content_key(images.fingerprint, code), find) / "groups.npy")
