"""Computed sentences on refinements: numbers in, Markdown out; nothing here knows of any one data set."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.evaluation.comparison.judged import Judged
from lib.evaluation.comparison.recommendations import HELPED, HURT, NOISE, UNTRIED
from lib.params import Parameters
from lib.presentation.text import count, percent, scatter


def parts(params: Parameters, validation: tuple[int, int], judged: tuple[int, int]) -> str:
    """What refinements are chosen by and judged on, each as normal images and anomalies; or that there are none."""
    if not params.refines:
        return "This parameter set names no `refinements` and no `backbone`, so nothing more is measured here."
    return (
        f"{count(len(params.refinements), 'refinement')} of the autoencoder are measured. What is chosen is chosen on "
        f"{count(validation[0], 'normal image')} and {count(validation[1], 'anomaly', 'anomalies')} set aside; what is "
        f"reported comes from {count(judged[0], 'other normal image')} and "
        f"{count(judged[1], 'other anomaly', 'other anomalies')}, which no fit and no choice has seen."
    )


def latent(records: Mapping[str, Mapping[str, Any]]) -> str:
    """What passes through the latent vector of each VAE, and the alarms that it raises."""
    lines = []
    for name, record in records.items():
        alarms = f" **Alarm: {' and '.join(record['alarms'])}.**" if record["alarms"] else ""
        lines.append(
            f"- {name}: {record['kl']:.3g} nats an image pass through the latent vector; {record['active']:,} of its "
            f"{record['latent']:,} values are active; the KL term is {percent(record['share'])} of the loss.{alarms}"
        )
    return "\n".join(lines)


def recommendations(rows: Sequence[Mapping[str, Any]]) -> str:
    """Each recommendation's verdict in a sentence."""
    told = {HELPED: "helped", HURT: "hurt", NOISE: "made no difference beyond noise", UNTRIED: "was not tried"}
    lines = []
    for row in rows:
        text = f"- **{row['recommendation']}**: {told[row['verdict']]}"
        if row["difference"]:
            each = row["difference"]
            text += (
                f" ({row['best']}: AUROC {each['value']:+.4f}, 95 % interval {each['low']:+.4f} to {each['high']:+.4f}"
            )
            text += f"; two seeds differ by up to {row['noise']:.4f})" if row["noise"] is not None else ")"
        lines.append(text + ".")
    return "\n".join(lines)


def other_scores(judged: Sequence[Judged]) -> str:
    """What the published network reaches if its reconstructions are judged otherwise; the published score is first."""
    published, others = judged[0], list(judged[1:])
    if not others:
        return "Only the published score was computed."
    better = [each for each in others if each.difference["low"] > 0]
    worse = [each for each in others if each.difference["high"] < 0]
    best = max(others, key=lambda each: each.validation)
    text = (
        f"The same fitted network, judged by its published score, has an AUROC of {published.auroc['value']:.4f}. By "
        f"{best.name}, the best of {len(others)} other scores on validation, it has **{best.auroc['value']:.4f}** "
        f"({best.difference['value']:+.4f}, 95 % interval {best.difference['low']:+.4f} to "
        f"{best.difference['high']:+.4f}). "
    )
    text += f"{len(better)} of them are clearly better than the published score, {len(worse)} clearly worse."
    return text


def best_of_family(judged: Sequence[Judged]) -> str:
    """Whether any autoencoder beats the published one on images held out, chosen on validation."""
    ours = [each for each in judged if each.candidate.family == "autoencoder" and each.difference]
    if not ours:
        return ""
    best = max(ours, key=lambda each: each.validation)
    each = best.difference
    clear = each["low"] > 0
    return (
        f"Of all {len(ours):,} pairs of a network and a score, validation chooses **{best.name}**: AUROC "
        f"{best.auroc['value']:.4f} on images held out, {each['value']:+.4f} against the published autoencoder "
        f"(95 % interval {each['low']:+.4f} to {each['high']:+.4f}), "
        + ("an improvement beyond chance." if clear else "**no improvement beyond chance**.")
    )


def features(judged: Sequence[Judged], fit_seconds: float) -> str:
    """What features of a pretrained network reach, and how long they take beside one fit of the autoencoder."""
    ours = [each for each in judged if each.candidate.family == "features"]
    if not ours:
        return "This parameter set names no `backbone`, so no pretrained network was asked."
    lines = []
    for each in ours:
        took = each.candidate.seconds
        quicker = "less than" if took < fit_seconds else "more than"
        lines.append(
            f"- {each.name}: AUROC **{each.auroc['value']:.4f}** (95 % interval {each.auroc['low']:.4f} to "
            f"{each.auroc['high']:.4f}), FPR at 95 % TPR {each.fpr['value']:.4f}, in {took:.0f} s: {quicker} the "
            f"{fit_seconds:.0f} s of fitting the autoencoder once."
        )
    return "\n".join(lines)


def maps(params: Parameters, shown: int) -> str:
    """Which network the maps come from; or that there are none."""
    if not params.backbone:
        return "This parameter set names no `backbone`, so there are no such maps here."
    return f"The network is {params.backbone}; {count(shown, 'image')} are shown."


def ensembles(judged: Sequence[Judged]) -> str:
    """What putting detectors together gains."""
    if not judged:
        return "No second detector raises the AUROC on validation beside the best, so nothing is put together."
    return "\n".join(
        f"- {each.name}: AUROC **{each.auroc['value']:.4f}** on images held out ({each.difference['value']:+.4f} "
        f"against the published autoencoder, 95 % interval {each.difference['low']:+.4f} to "
        f"{each.difference['high']:+.4f}; {each.validation:.4f} on validation)."
        for each in judged
    )


def choice(chosen: Mapping[str, Any], params: Parameters) -> str:
    """The one recommendation: which detector, at which threshold, what to expect of it, and what came of it."""
    detector, line, at = chosen["detector"], chosen["threshold"], chosen["at"]
    prevalence = params.prevalence
    anomalies, normals = at["tp"] + at["fn"], at["fp"] + at["tn"]
    recall, fpr = at["recall"]["value"], at["fpr"]
    flagged = prevalence * recall + (1 - prevalence) * fpr["value"]
    right = f"{percent(prevalence * recall / flagged)} of what it flags would be one" if flagged else "it flags nothing"
    return (
        f"**Use {detector.name}, at a threshold of {line.value:.4g}.** It has the highest AUROC on validation "
        f"({detector.validation:.4f}), and fitting it and scoring every image took {detector.candidate.seconds:.0f} s. "
        f"The threshold comes from {line.saw}. {scatter(chosen['calibration'], chosen['alpha'])} On images held "
        f"out it catches {at['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')} and raises "
        f"{count(at['fp'], 'false alarm')} on {count(normals, 'normal image')} ({percent(fpr['value'])}, 95 % interval "
        f"{percent(fpr['low'])} to {percent(fpr['high'])}). With {percent(prevalence)} anomalies, {right}."
    )
