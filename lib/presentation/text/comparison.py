"""Sentences about the comparison of detectors: numbers in, Markdown out."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.core.formatting import count, listed, percent, signed
from lib.evaluation.comparison import HELPED, HURT, NOISE, UNTRIED
from lib.evaluation.comparison import best as best_on_validation
from lib.params import Parameters
from lib.presentation.tables.cells import reading
from lib.presentation.tables.markdown import code, literal
from lib.presentation.text.terms import area, both_counts, in_words, interval, rate
from lib.presentation.text.thresholds import expected_fpr


def _change(difference: Mapping[str, Any], than: str = "the autoencoder") -> str:
    """A difference of AUROC in words."""
    words = {
        "higher": "an improvement beyond chance",
        "lower": f"**worse than {than}**",
        "no clear difference": "**no improvement beyond chance**",
    }
    return words[reading(difference)]


def opening(params: Parameters, differences: Mapping[str, tuple[Any, Any]]) -> str:
    """What a page in JupyterLab says first: the study, and whether its draft has the values of the study's file."""
    same = "other values than" if differences else "the values of"
    return (
        f"Study `{params.study}`: class {literal(params.normal_class)} of {literal(params.dataset)} is normal, "
        f"protocol `{params.protocol}`, seed {params.seed}. The parameters have {same} `params/{params.study}.yaml`."
    )


def draft(differences: Mapping[str, tuple[Any, Any]], study: str) -> str:
    """What a page says first when its run was made with other parameters than the study's file has; else empty."""
    if not differences:
        return ""
    values = listed([f"{code(f'{key}: {own}')} (file: {code(str(file))})" for key, (own, file) in differences.items()])
    return (
        f"**This page shows a draft made with other parameters than `params/{study}.yaml`:** {values}. All figures "
        "here are of that draft. To return to the file's values, run `02_training` with them again."
    )


def comparison(params: Parameters, parts: Mapping[str, int], cite: str) -> str:
    """What is compared, what detectors are chosen by, and what they are tested on.

    Args:
        params: The study's parameters.
        parts: As `lib.study.Study.parts` counts them, of the division with images held out.
        cite: Citation of the study that the report reproduces; empty where there is none.
    """
    text = "This chapter compares every detector of the report on the same held-out images. "
    if cite and params.refines:
        text += (
            f"It also tests what the study {cite} recommends without having measured it: a more complex model, more "
            "images, and a larger latent vector. "
        )
    test = both_counts(parts["normal"], parts["anomalies"])
    if not parts["validation_anomalies"] or not (params.refines or params.inspects):
        named = "names no `detectors`, `refinements` or `backbone`" if not params.inspects else "sets none aside for it"
        return text + f"The test set holds {test}. The parameter file {named}, so no detector is chosen by labels."
    return text + (
        "Detectors are chosen on the validation set "
        f"({both_counts(parts['validation_normal'], parts['validation_anomalies'])}"
        f"). The threshold of the chosen one is set on the calibration set ({count(parts['calibration'], 'image')}). "
        f"The reported figures come from the test set ({test}), which no fit, no choice and no threshold has used."
    )


def recommendation_verdicts(records: Sequence[Mapping[str, Any]]) -> str:
    """The verdict on each recommendation of the published study that was tried, and those that were not."""
    words = {HELPED: "helped", HURT: "hurt", NOISE: "made no difference beyond noise"}
    lines = []
    for record in records:
        if record["verdict"] == UNTRIED:
            continue
        difference = record["difference"]
        seeds = f"; two seeds differ by up to {record['noise']:.4f}" if record["noise"] is not None else ""
        by = f"all images against {literal(record['best'])}" if record["opposite"] else f"by {literal(record['best'])}"
        lines.append(
            f"- **{record['recommendation']}**: {words[record['verdict']]} ({by}: difference of AUROC "
            f"{signed(difference['value'], 3)}, {interval(difference, sign=True)}{seeds})."
        )
    if untried := [record["recommendation"].lower() for record in records if record["verdict"] == UNTRIED]:
        lines.append(f"- Not tried in this study: {'; '.join(untried)}.")
    return "\n".join(lines)


def other_scores(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the autoencoder reaches by other scores; the row of the mean squared error is first."""
    own, others = rows[0], list(rows[1:])
    better = sum(reading(row["difference"]) == "higher" for row in others)
    worse = sum(reading(row["difference"]) == "lower" for row in others)
    best = best_on_validation(others)
    difference = best["difference"]
    return (
        f"By the mean squared error, the autoencoder has an AUROC of {area(own['auroc']['value'])} on the test set. Of "
        f"{len(others)} other scores, {literal(in_words(best['name']))} is best on the validation set; on the test set "
        f"it has an AUROC of **{area(best['auroc']['value'])}** (difference {signed(difference['value'], 3)}, "
        f"{interval(difference, sign=True)}). On the test set, the intervals show {better} of them better than the "
        f"mean squared error and {worse} worse."
    )


def best_network(rows: Sequence[Mapping[str, Any]]) -> str:
    """Whether any network and score, chosen on the validation set, is better than the autoencoder."""
    networks = [row for row in rows if row["score"] and row["difference"]]
    if not networks:
        return ""
    best = best_on_validation(networks)
    difference = best["difference"]
    return (
        f"Of all {len(networks):,} other pairs of a network and a score, the validation set chooses "
        f"**{literal(in_words(best['name']))}**: AUROC {area(best['auroc']['value'])} on the test set, "
        f"{signed(difference['value'], 3)} "
        f"against the autoencoder ({interval(difference, sign=True)}), {_change(difference)}."
    )


def features(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the best features of a pretrained network reach, and, if recorded, how long they take for it."""
    ours, own = [row for row in rows if row["family"] == "features"], rows[0]
    best = best_on_validation(ours)
    text = (
        f"Of {count(len(ours), 'detector')} on features, {literal(in_words(best['name']))} is best on the validation "
        f"set. On the test set it has an AUROC of **{area(best['auroc']['value'])}** ({interval(best['auroc'])}), "
        f"{signed(best['difference']['value'], 3)} against the autoencoder "
        f"({interval(best['difference'], sign=True)}), {_change(best['difference'])}. "
    )
    if best["seconds"] is not None:
        ratio = best["seconds"] / own["seconds"]
        time = f"{ratio:.1f} times the time" if ratio >= 1 else f"{percent(ratio)} of the time"
        text += f"To fit it and to score every image took {time} that the autoencoder needed. "
    return text + "All of them are in the leaderboard below."


def heat_maps(params: Parameters, images: int) -> str:
    """Which network the heat maps come from."""
    network = f"the pretrained network {literal(params.backbone)}" if params.backbone else "a pretrained network"
    return f"The maps are drawn with {network}, for the {count(images, 'anomaly', 'anomalies')} with the lowest scores."


def ensembles(rows: Sequence[Mapping[str, Any]]) -> str:
    """What putting detectors together gains."""
    together = [row for row in rows if row["family"] == "ensemble"]
    return "\n".join(
        f"- T{literal(in_words(row['name']))[1:]}: AUROC **{area(row['auroc']['value'])}** on the test set, "
        f"{signed(row['difference']['value'], 3)} against {in_words(rows[0]['name'])} "
        f"({interval(row['difference'], sign=True)}), {_change(row['difference'], in_words(rows[0]['name']))}."
        for row in together
        if row["difference"]
    )


def choice(answer: Mapping[str, Any], params: Parameters) -> str:
    """The recommended detector, its threshold, what to expect of it, and what came of it.

    Args:
        answer: What `lib.evaluation.comparison.answer` returns, of a study that chooses a detector.
        params: The study's parameters.
    """
    which = "the first, in the order of the leaderboard," if answer["row"]["seconds"] is None else "the quickest"
    tied = f" and is {which} of {answer['tied']:,} detectors with this value" if answer["tied"] > 1 else ""
    row, threshold, at, precision = (answer[key] for key in ("row", "threshold", "at", "precision_in_use"))
    text = (
        f"**Use {literal(in_words(row['name']))}, at a threshold of {threshold.value:.4g}.** It has the highest AUROC "
        f"on the validation set ({area(row['validation'])}){tied}. The threshold comes from {threshold.saw}, none of "
        "which took part in the choice of the detector. "
        f"{expected_fpr(answer['calibration'], answer['target'], answer['alpha'])} "
        f"On the test set it detects {at['tp']:,} of {count(at['tp'] + at['fn'], 'anomaly', 'anomalies')} and raises "
        f"{count(at['fp'], 'false alarm')} on {count(at['fp'] + at['tn'], 'normal image')}: {rate(at['fpr'])}."
    )
    if precision["value"] is None:
        return text
    return text + (
        f" Where {percent(params.prevalence)} of the images are anomalies, between {percent(precision['low'])} and "
        f"{percent(precision['high'])} of the flagged images are expected to be anomalies."
    )
