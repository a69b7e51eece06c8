"""Sentences about the comparison of detectors: numbers in, Markdown out."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.core.formatting import count, listed, percent, signed
from lib.evaluation.comparison import HELPED, HURT, NOISE, UNTRIED
from lib.params import Parameters
from lib.presentation.text.terms import interval
from lib.presentation.text.thresholds import expected_fpr


def draft(differences: Mapping[str, tuple[Any, Any]], study: str) -> str:
    """What a page says first when its run was made with other parameters than the study's file has; else empty."""
    if not differences:
        return ""
    values = listed([f"`{key}: {own}` (file: `{file}`)" for key, (own, file) in differences.items()])
    return (
        f"**This page shows a draft made with other parameters than `params/{study}.yaml`:** {values}. All figures "
        "here are of that draft. To return to the file's values, run `02_training` with them again."
    )


def compared_on(params: Parameters, parts: Mapping[str, int]) -> str:
    """What detectors are chosen by and tested on; `parts` as `lib.study.Study.parts` counts them."""
    test = f"{count(parts['normal'], 'normal image')} and {count(parts['anomalies'], 'anomaly', 'anomalies')}"
    if not params.refines:
        return (
            f"The test set holds {test}. The parameter set names no `detectors`, `refinements` or `backbone`, so only "
            "the published and the cheap detectors are compared, and no detector is chosen."
        )
    validation = (
        f"{count(parts['calibration'], 'normal image')} and {count(parts['validation'], 'anomaly', 'anomalies')}"
    )
    return (
        f"Detectors are chosen on the validation set: {validation}. The reported figures come from the test set: "
        f"{test}, which no fit and no choice has used."
    )


def latent_use(records: Mapping[str, Mapping[str, Any]]) -> str:
    """What passes through the latent vector of each VAE, and the warnings that follow."""
    lines = []
    for name, record in records.items():
        alarms = f" **Warning: {' and '.join(record['alarms'])}.**" if record["alarms"] else ""
        lines.append(
            f"- {name}: {record['kl']:.3g} nats per image pass through the latent vector; {record['active']:,} of its "
            f"{record['latent']:,} values are active; the KL term is {percent(record['share'])} of the loss.{alarms}"
        )
    return "\n".join(lines)


def recommendation_verdicts(records: Sequence[Mapping[str, Any]]) -> str:
    """The verdict on each recommendation of the published study in a sentence."""
    words = {HELPED: "helped", HURT: "hurt", NOISE: "made no difference beyond noise", UNTRIED: "was not tried"}
    lines = []
    for record in records:
        sentence = f"- **{record['recommendation']}**: {words[record['verdict']]}"
        if difference := record["difference"]:
            seeds = f"; two seeds differ by up to {record['noise']:.4f}" if record["noise"] is not None else ""
            sentence += (
                f" ({record['best']}: AUROC {signed(difference['value'])}, {interval(difference, sign=True)}{seeds})"
            )
        lines.append(sentence + ".")
    return "\n".join(lines)


def other_scores(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the published network reaches by other scores; the row of the published score is first."""
    published, others = rows[0], list(rows[1:])
    if not others:
        return "Only the published score was computed."
    better = sum(row["difference"]["low"] > 0 for row in others)
    worse = sum(row["difference"]["high"] < 0 for row in others)
    best = max(others, key=lambda row: row["validation"])
    difference = best["difference"]
    return (
        f"By its published score, the network has an AUROC of {published['auroc']['value']:.4f} on the test set. Of "
        f"{len(others)} other scores, {best['name']} is best on the validation set; on the test set it has an AUROC of "
        f"**{best['auroc']['value']:.4f}** ({signed(difference['value'])}, {interval(difference, sign=True)}). On the "
        f"test set, {better} of them are better than the published score and {worse} worse, by intervals that exclude "
        "0."
    )


def best_network(rows: Sequence[Mapping[str, Any]]) -> str:
    """Whether any network and score, chosen on the validation set, beats the published autoencoder."""
    networks = [row for row in rows if row["score"] and row["difference"]]
    if not networks:
        return ""
    best = max(networks, key=lambda row: row["validation"] or 0.0)
    difference = best["difference"]
    verdict = "an improvement beyond chance" if difference["low"] > 0 else "**no improvement beyond chance**"
    return (
        f"Of all {len(networks):,} other pairs of a network and a score, the validation set chooses "
        f"**{best['name']}**: AUROC {best['auroc']['value']:.4f} on the test set, {signed(difference['value'])} "
        f"against the published autoencoder ({interval(difference, sign=True)}), {verdict}."
    )


def features(rows: Sequence[Mapping[str, Any]]) -> str:
    """What features of a pretrained network reach, and how long they take beside the published autoencoder."""
    ours, baseline = [row for row in rows if row["family"] == "features"], rows[0]
    if not ours:
        return "The parameter set names no pretrained network, so there are none here."
    lines = []
    for row in ours:
        time = "less" if row["seconds"] < baseline["seconds"] else "more"
        lines.append(
            f"- {row['name']}: AUROC **{row['auroc']['value']:.4f}** ({interval(row['auroc'])}) and FPR at 95 % TPR "
            f"{percent(row['fpr_at_95_tpr']['value'])} on the test set, in {row['seconds']:.0f} s: {time} than the "
            f"{baseline['seconds']:.0f} s of the published autoencoder."
        )
    return "\n".join(lines)


def heat_maps(params: Parameters, images: int) -> str:
    """Which network heat maps come from; or that there are none."""
    if not images:
        return "The parameter set names no detector that has heat maps, so there are none here."
    network = f" with the pretrained network {params.backbone}" if params.backbone else ""
    return f"{count(images, 'anomaly', 'anomalies')} with the lowest scores are shown{network}."


def ensembles(rows: Sequence[Mapping[str, Any]]) -> str:
    """What putting detectors together gains."""
    together = [row for row in rows if row["family"] == "ensemble"]
    if not together:
        return "No second detector raises the AUROC of the best one on the validation set, so none are put together."
    return "\n".join(
        f"- {row['name']}: AUROC **{row['auroc']['value']:.4f}** on the test set ({signed(row['difference']['value'])} "
        f"against the published autoencoder, {interval(row['difference'], sign=True)}) and {row['validation']:.4f} on "
        "the validation set."
        for row in together
    )


def choice(choice: Mapping[str, Any] | None, params: Parameters) -> str:
    """The one recommendation: which detector, at which threshold, what to expect of it, and what came of it."""
    if choice is None:
        return "No detector is recommended, since there is no validation set to choose by."
    row, threshold, at = choice["row"], choice["threshold"], choice["at"]
    anomalies, normal, fpr = at["tp"] + at["fn"], at["fp"] + at["tn"], at["fpr"]
    flagged = params.prevalence * at["recall"]["value"] + (1 - params.prevalence) * fpr["value"]
    share = params.prevalence * at["recall"]["value"] / flagged if flagged else None
    interval_percent = f"95 % interval {percent(fpr['low'])} to {percent(fpr['high'])}"
    in_use = (
        f"{percent(share)} of the flagged images are expected to be anomalies" if flagged else "no image is flagged"
    )
    return (
        f"**Use {row['name']}, at a threshold of {threshold.value:.4g}.** It has the highest AUROC on the validation "
        f"set ({row['validation']:.4f}). Fitting it and scoring every image took {row['seconds']:.0f} s. The threshold "
        f"comes from {threshold.saw}. {expected_fpr(choice['calibration'], choice['alpha'])} On the test set it "
        f"detects {at['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')} and raises "
        f"{count(at['fp'], 'false alarm')} on {count(normal, 'normal image')} ({percent(fpr['value'])}, "
        f"{interval_percent}). Where {percent(params.prevalence)} of the images are anomalies, {in_use}."
    )
