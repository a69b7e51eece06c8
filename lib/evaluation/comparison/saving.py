"""The detectors that a reader may want, saved in the run folder, each with its threshold."""

from lib.detectors import PUBLISHED
from lib.evaluation.comparison.choice import best_of_families, calibrate, candidates, deciding
from lib.evaluation.comparison.ensembles import ensembles
from lib.evaluation.comparison.first_page import save_first_page
from lib.evaluation.comparison.inspected import save_inspected
from lib.evaluation.evaluate import threshold, threshold_record
from lib.study import HELD_OUT, Fitted, Planned, Run, Study, add_fits, export, fit_all, holdout_of


def fit_and_save(study: Study, run: Run) -> None:
    """Does all that 02_training does to a run: fits every detector, then saves those that a reader may want."""
    save_detectors(study, run, fit_all(study, run))


def save_detectors(study: Study, run: Run, fitted: dict[str, Fitted]) -> list[str]:
    """Puts ensembles together and saves detectors, ready for use, into `detectors/` of the run folder.

    Saved are the published detectors and, where the study has a validation set, the best detector of each family by it,
    the recommended one among them; of a study that inspects, always the one that it is about. The pictures of the
    first page are left in the run as well.

    Args:
        study: the study.
        run: as `lib.study.fit_all` left it.
        fitted: what `lib.study.fit_all` returned.

    Returns:
        The names of the saved detectors, which are columns of `scores.parquet`.
    """
    saved = [name for name in PUBLISHED if name in fitted]
    for name in saved:
        export(study, run, fitted[name], name, threshold_record(threshold(study, run, name)))
    holdout = holdout_of(study)
    pool = {column: fitted[column] for column in run.fits("leaderboard")}
    validated = len(holdout.split.validation)
    if validated:
        ending = "" if holdout is study else HELD_OUT
        together = [Planned(spec.name + ending, holdout, spec, ("leaderboard",)) for spec in ensembles(holdout, pool)]
        pool |= add_fits(run, together)
    useful = candidates(holdout, run, {column: fit.scores for column, fit in pool.items()})
    recommended = deciding(study, run, useful)
    if not validated and not study.params.inspects:
        at = threshold(holdout, run, recommended)
        if recommended not in saved:
            export(holdout, run, pool[recommended], recommended, threshold_record(at))
        save_first_page(holdout, run, pool, recommended, at.value)
        return list(dict.fromkeys([*saved, recommended]))
    # If the recommended one is a published one, it is saved again, with the threshold that the report recommends.
    leading = [row["column"] for row in best_of_families(useful).values()] if validated else []
    calibrated = {column: calibrate(study, run, column) for column in dict.fromkeys([recommended, *leading])}
    for column, (at, alpha, _) in calibrated.items():
        if column not in saved or column == recommended:
            aims = {"target": study.params.target_fpr, "alpha": alpha}
            export(holdout, run, pool[column], column, threshold_record(at) | aims)
            saved.append(column)
    own = calibrated[recommended][0].value
    save_first_page(holdout, run, pool, recommended, own)
    if study.params.inspects:
        save_inspected(study, run, pool, recommended, own)
    return list(dict.fromkeys(saved))
