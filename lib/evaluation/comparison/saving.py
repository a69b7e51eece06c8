"""The detectors that a reader may want, saved in the run folder, each with its threshold."""

from lib.detectors import PUBLISHED
from lib.evaluation.comparison.choice import best, best_of_families, calibrate, candidates
from lib.evaluation.comparison.ensembles import ensembles
from lib.evaluation.comparison.first_page import save_first_page
from lib.evaluation.evaluate import leaderboard_column, threshold, threshold_record
from lib.study import HELD_OUT, Fitted, Planned, Run, Study, add_fits, export, fit_all, holdout_of


def fit_and_save(study: Study, run: Run) -> None:
    """Does all that 02_training does to a run: fits every detector, then saves those that a reader may want."""
    save_detectors(study, run, fit_all(study, run))


def save_detectors(study: Study, run: Run, fitted: dict[str, Fitted]) -> list[str]:
    """Puts ensembles together and saves detectors, ready for use, into `detectors/` of the run folder.

    Saved are the published detectors and, where the study has a validation set, the best detector of each family by it,
    the recommended one among them. The pictures of the first page are left in the run as well.

    Args:
        study: the study.
        run: as `lib.study.fit_all` left it.
        fitted: what `lib.study.fit_all` returned.

    Returns:
        The names of the saved detectors, which are columns of `scores.parquet`.
    """
    for name in PUBLISHED:
        export(study, run, fitted[name], name, threshold_record(threshold(study, run, name)))
    holdout = holdout_of(study)
    pool = {column: fitted[column] for column in run.fits("leaderboard")}
    if not len(holdout.split.validation):
        column = leaderboard_column(run)
        save_first_page(holdout, run, pool, column, threshold(holdout, run, column).value)
        return list(PUBLISHED)
    ending = "" if holdout is study else HELD_OUT
    together = [Planned(spec.name + ending, holdout, spec, ("leaderboard",)) for spec in ensembles(holdout, pool)]
    pool |= add_fits(run, together)
    saved = list(PUBLISHED)
    useful = candidates(holdout, run, {column: fit.scores for column, fit in pool.items()})
    recommended = best(useful)["column"]  # if it is a published one, with the threshold that the report recommends
    for column in (row["column"] for row in best_of_families(useful).values()):
        if column not in saved or column == recommended:
            export(holdout, run, pool[column], column, threshold_record(calibrate(study, run, column)[0]))
            saved.append(column)
    save_first_page(holdout, run, pool, recommended, calibrate(study, run, recommended)[0].value)
    return list(dict.fromkeys(saved))
