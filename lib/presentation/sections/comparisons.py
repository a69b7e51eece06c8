"""Parts about the comparison of detectors, where the study has the detectors that they are about."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.evaluation import comparison
from lib.presentation import plots, show, tables, text
from lib.study import Study, citation

Row = Mapping[str, Any]


def refinements(study: Study, rows: Sequence[Row], noise: float | None) -> list[dict[str, Any]]:
    """The refinements against the autoencoder, and what they say about the published study's recommendations.

    Returns:
        The verdicts; empty where no published study is about this data.
    """
    refined = comparison.by_published_score(rows)
    cited = bool(citation(study.params))
    verdicts = comparison.recommendations(rows, study.params.latent_dim, noise) if cited else []
    if len(refined) < 2:
        show.nothing("the parameter file names no `refinements`")
        return verdicts
    show.figure(
        plots.differences(refined, noise=noise),
        label="fig-refinements",
        caption="AUROC of each refinement minus that of the autoencoder, by the mean squared error, with paired "
        "intervals.",
    )
    show.table(
        tables.leaderboard(refined, noise),
        label="tab-refinements",
        caption=text.with_seconds("Every refinement by the mean squared error.", refined),
    )
    if verdicts:
        show.prose("What this says about the recommendations of the published study:")
        show.prose(text.recommendation_verdicts(verdicts))
    return verdicts


def other_scores(rows: Sequence[Row], noise: float | None) -> None:
    """The autoencoder by its other scores, and the pairs of a network and a score that lead."""
    by_score = comparison.published_network(rows)
    if len(by_score) < 2:
        show.nothing("only the mean squared error was computed")
        return
    show.prose(" ".join([text.other_scores(by_score), text.best_network(rows)]))
    show.figure(
        plots.differences(by_score, noise=noise),
        label="fig-other-scores",
        caption="AUROC by other scores of the autoencoder minus that by its mean squared error.",
    )
    show.table(
        tables.leaderboard(comparison.leading(rows)),
        label="tab-leading",
        caption="The autoencoder, and the pairs of a network and a score that lead on the validation set.",
    )


def features(rows: Sequence[Row]) -> None:
    """The detectors on features of a pretrained network."""
    if rows[0]["family"] == "features":
        show.nothing("every detector of this report that is no baseline is of that kind")
    elif any(row["family"] == "features" for row in rows):
        show.prose(text.features(rows))
    else:
        show.nothing("the parameter file names no `backbone`")


def ensembles(rows: Sequence[Row]) -> None:
    """The ensembles."""
    if any(row["family"] == "ensemble" for row in rows):
        show.prose(text.ensembles(rows))
    else:
        show.nothing("no second detector raises the AUROC of the best one on the validation set")


def run_time(rows: Sequence[Row]) -> None:
    """AUROC against the time of fitting and scoring; a sentence where no times are recorded."""
    if not text.timed(rows):
        show.prose(text.NOT_TIMED)
        return
    show.prose("[Figure](#fig-minutes) sets the AUROC of the detectors against their run time.")
    show.figure(
        plots.cost_benefit(rows),
        label="fig-minutes",
        caption="AUROC on images held out against the seconds of fitting and scoring, with intervals.",
    )


def recommended(study: Study, answer: Mapping[str, Any]) -> None:
    """The recommended detector, where one was chosen."""
    if answer["chosen"]:
        show.prose(text.choice(answer, study.params))
    else:
        show.nothing("there is no validation set to choose a detector by")
