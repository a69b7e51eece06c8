"""Everything that a study fits, and how it is left in the run folder, so that later pages only read."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lib import detectors
from lib.core import csv_files
from lib.core.characters import readable
from lib.core.errors import UserError
from lib.data import splits
from lib.detectors import BASELINE, PUBLISHED, Spec
from lib.params import LIMITS, Parameters, load
from lib.study import device, heat_maps
from lib.study.examples import lowest_scoring_anomalies
from lib.study.fits import Fitted, fit_and_score
from lib.study.run import FORMAT, Run
from lib.study.study import Study, holdout_of

# Parameters that no fit and no split depends on.
FREE = {"threshold", "thresholds", "threshold_rule", "target_fpr", "cost_miss", "cost_false_alarm", "prevalence"}
HELD_OUT = "_held_out"  # ends the columns of detectors fitted with images held out, where the study holds none out


@dataclass(frozen=True)
class Planned:
    """A detector that a study fits.

    Attributes:
        column: of its scores in `scores.parquet`.
        study: with the split that it is fitted on.
        spec: the detector.
        every_score: whether its other scores are on the leaderboard too.
        roles: `study` for the published detectors under the study's own protocol; `leaderboard` for all that are
            compared on images held out; `seed` for the published autoencoder with a further seed; `float32` for it
            without mixed precision.
    """

    column: str
    study: Study
    spec: Spec
    roles: tuple[str, ...]
    every_score: bool = False


def plan(study: Study) -> list[Planned]:
    """Every detector that the study fits, each with the column that its scores go to."""
    holdout = holdout_of(study)
    same = holdout is study
    specs = detectors.specs(study.params)
    planned = [] if same else [Planned(entry.name, study, entry, ("study",)) for entry in specs if _published(entry)]
    for entry in _leaderboard(study.params, specs):
        roles = ("study", "leaderboard") if same and _published(entry) else ("leaderboard",)
        ending, every = "" if same else HELD_OUT, _has_other_scores(study.params, entry)
        planned.append(Planned(entry.name + ending, holdout, entry, roles, every))
    if study.params.inspects:
        return planned
    baseline = next(entry for entry in specs if entry.name == BASELINE)
    for division in [study] if same or not study.params.refines else [study, holdout]:
        ending = "" if division is study else HELD_OUT
        for seed in study.params.seeds:
            seeded = detectors.with_options(baseline, f"{BASELINE}, seed {seed}", seed=seed)
            planned.append(Planned(seeded.name + ending, division, seeded, ("seed",)))
    if study.params.dtype_policy != "float32":
        in_float32 = detectors.with_options(baseline, f"{BASELINE}, float32", dtype_policy="float32")
        planned.append(Planned(in_float32.name, study, in_float32, ("float32",)))
    return planned


def _published(spec: Spec) -> bool:
    return spec.kind.name in PUBLISHED and not spec.given


def _leaderboard(params: Parameters, specs: list[Spec]) -> Iterator[Spec]:
    """The detectors, each followed by its other scores where the study compares more than the published detectors."""
    for spec in specs:
        yield spec
        if _has_other_scores(params, spec):
            yield from detectors.other_scores(spec)


def _has_other_scores(params: Parameters, spec: Spec) -> bool:
    own = spec.name == BASELINE or not _published(spec)
    return params.refines and spec.scores_as_published and own and "score" in spec.options.scoring


def in_order(planned: list[Planned]) -> list[Planned]:
    """The detectors in the order in which they are fitted: those of one architecture after each other."""
    places: dict[tuple, int] = {}
    for entry in planned:
        places.setdefault(_architecture(entry.spec), len(places))
    return sorted(planned, key=lambda entry: places[_architecture(entry.spec)])


def _architecture(spec: Spec) -> tuple:
    """What is equal for detectors that one traced model fits; see `Network.engine`."""
    own = {"seed", "epochs", "fit_images", *spec.options.scoring}
    return spec.kind.name, *sorted(spec.options.model_dump(mode="json", exclude=own).items())


def fit_all(study: Study, run: Run) -> dict[str, Fitted]:
    """Fits and scores every detector of the study, and leaves everything that later pages read in the run folder.

    Returns:
        The detectors by their column in `scores.parquet`.
    """
    for stale in ("fits.json", "metrics.json"):
        (run.folder / stale).unlink(missing_ok=True)
    for stale in ("arrays", "detectors"):  # of detectors that this study may not have
        shutil.rmtree(run.folder / stale, ignore_errors=True)
    run.write("params", study.params.model_dump(exclude=LIMITS))
    run.write("manifest", study.provenance())
    ids = study.images.table["id"].to_numpy()
    run.write_table("split.csv", splits.to_table(study.split, ids))
    run.update_metrics(about(study))
    planned, fitted = plan(study), {}
    fits = [entry.column for entry in in_order(planned) if entry.spec.scores_as_published]
    for entry in in_order(planned):
        if entry.column in fits:
            print(
                f"{readable(entry.spec.label)} ({fits.index(entry.column) + 1} of {len(fits)})",
                file=sys.stderr,
                flush=True,
            )
        fitted[entry.column] = fit_and_score(entry.study, entry.spec, entry.every_score)
    fitted = {entry.column: fitted[entry.column] for entry in planned}
    _write(study, run, planned, fitted)
    _write_heat_maps(planned, fitted, run)
    tests = [record for entry in fitted.values() for record in entry.device_tests]
    run.write("manifest", run.read("manifest") | {"device_test": device.summary(tests)})
    run.write(
        "fits", {"format": FORMAT, "fits": {entry.column: _record(entry, fitted[entry.column]) for entry in planned}}
    )
    return fitted


def about(study: Study) -> dict[str, Any]:
    """What `metrics.json` says of a study before anything is fitted: its data, and how it is divided."""
    return {
        "format": FORMAT,
        "study": study.params.study,
        "protocol": study.params.protocol,
        "dataset": {"name": study.images.name, "version": study.images.version, **study.counts},
        "parts": {each.params.protocol: each.parts for each in (study, holdout_of(study))},
    }


def add_fits(run: Run, planned: list[Planned]) -> dict[str, Fitted]:
    """Fits and scores further detectors and adds them to a run; returns them by column."""
    fitted = {entry.column: fit_and_score(entry.study, entry.spec) for entry in planned}
    columns = pd.DataFrame({column: entry.scores for column, entry in fitted.items()})
    run.write_scores(pd.concat([run.scores().drop(columns=columns.columns, errors="ignore"), columns], axis=1))
    records = {entry.column: _record(entry, fitted[entry.column]) for entry in planned}
    run.write("fits", {"format": FORMAT, "fits": run.fits() | records})
    return fitted


def _record(planned: Planned, fitted: Fitted) -> dict[str, Any]:
    spec = planned.spec
    return {
        "label": spec.label,
        "kind": spec.kind.name,
        "family": spec.family,
        "options": spec.options.model_dump(mode="json"),
        "given": dict(spec.given),
        "changes": spec.changes,
        "score": getattr(spec.options, "score", ""),
        "roles": list(planned.roles),
        "seconds": fitted.seconds,
    }


def _write(study: Study, run: Run, planned: list[Planned], fitted: dict[str, Fitted]) -> None:
    holdout = holdout_of(study)
    part = np.full(len(study.labels), "test", object)
    for name in (*splits.PARTS, "dropped"):
        part[getattr(holdout.split, name)] = name
    frame = study.images.table[["id", "class_name"]].assign(
        label=study.labels, fitted=np.isin(np.arange(len(part)), study.split.fit), part=part
    )
    columns = {column: entry.scores for column, entry in fitted.items()}
    run.write_scores(pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1))
    histories = []
    for column, entry in fitted.items():
        if entry.history and entry.spec.scores_as_published:
            epochs = range(1, len(entry.history["loss"]) + 1)
            histories.append(pd.DataFrame({"detector": column, "epoch": epochs, **entry.history}))
    run.write_table("history.csv", pd.concat([pd.DataFrame(columns=["detector", "epoch"]), *histories]))
    for entry in planned:
        folder = fitted[entry.column].score_folder
        if folder is None:  # made of other detectors
            continue
        if entry.spec.scores_as_published:
            for kind in ("examples", "latent_use"):
                if (folder / f"{kind}.npz").is_file():
                    with np.load(folder / f"{kind}.npz") as arrays:
                        run.write_arrays(kind, entry.column, **arrays)
        if (folder / "left_out.npy").is_file() and "leaderboard" in entry.roles:
            scores = np.load(folder / "left_out.npy")
            run.write_arrays("left_out", entry.column, scores=scores[_without_duplicates(entry.study)[: len(scores)]])


def _without_duplicates(study: Study) -> np.ndarray:
    """Whether each image fitted on has no near-duplicate beside it there, bool (n,).

    One that has would score lower when left out than any new image can.
    """
    _, group, sizes = np.unique(study.groups[study.split.fit], return_inverse=True, return_counts=True)
    return sizes[group] == 1


def _write_heat_maps(planned: list[Planned], fitted: dict[str, Fitted], run: Run) -> None:
    """Heat maps of the anomalies that the published autoencoder scores lowest, where a detector has any."""
    if planned[0].study.params.inspects:  # its pages show maps of other images
        return
    compared = [entry for entry in planned if "leaderboard" in entry.roles]
    if spec := heat_maps.able([entry.spec for entry in compared]):
        own = next(entry for entry in planned if entry.spec.name == BASELINE and "study" in entry.roles)
        indices = lowest_scoring_anomalies(own.study, fitted[own.column].scores)
        run.write_arrays("heat_maps", BASELINE, **heat_maps.of_images(compared[0].study, spec, indices))


def differences(own: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Parameters that differ from their study's file in `params/`: by key, the own value and the file's."""
    try:
        file = load(own["study"]).model_dump()
    except UserError:  # a study that is in no file
        return {}
    return {key: (value, file[key]) for key, value in own.items() if file[key] != value}


def open_run(name: str, train: Callable[[Study, Run], Any] = fit_all, **changes: Any) -> tuple[Run, Study]:
    """The run of a study, and the study itself with the parameters of that run.

    A run is only ever read with its own parameters. A draft that is not there, or in the form of other code, is made
    from `params/`.

    Args:
        name: of the study.
        train: makes a draft that is not there.
        **changes: parameters that a page may set anew, such as `threshold`; see `FREE`.

    Raises:
        UserError: a parameter is not valid or needs other fits, or the data set is no longer the one that was divided.
    """
    run = Run.of(name)
    if not run.complete:
        if os.environ.get("ANOMALY_RUN_FOLDER"):
            raise UserError(f"{name}: 02_training has left nothing to read here; run it first")
        print(f"{name}: no finished draft; training with params/{name}.yaml", file=sys.stderr)
        train(Study.open(load(name)), run)
    params = Parameters.model_validate(run.read("params"))
    for key, value in changes.items():
        if key not in FREE and value != getattr(params, key):
            raise UserError(f"{key}: the run of {name} was fitted with {getattr(params, key)!r}; run 02_training again")
    study = Study.open(Parameters.model_validate(params.model_dump() | changes))
    ids = study.images.table["id"].to_numpy()
    saved = splits.from_table(csv_files.read(run.folder / "split.csv"), ids)  # the data set may have changed since
    study = replace(study, split=saved)
    study.check_split()
    return run, study
