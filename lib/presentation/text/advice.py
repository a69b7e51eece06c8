"""Recommendations that follow from verdicts and associations, with the numbers that they rest on."""

from collections.abc import Sequence

import pandas

from lib.core.formatting import percent
from lib.data.attributes import DESCRIPTIONS
from lib.evaluation.claims import (
    ALARMS,
    CONTRADICTED,
    MISSED,
    NOT_SUPPORTED,
    SUPPORTED,
    UNMEASURABLE,
    Verdict,
    with_parts,
)
from lib.evaluation.warnings import FALLING, recent_decrease
from lib.params import Parameters
from lib.presentation.text.terms import against_half

_CLEAR = 0.1  # Cohen's small correlation: the interval has to be beyond it


def recommendations(params: Parameters, advice: Sequence[tuple[str, str]], loss: Sequence[float]) -> str:
    """Recommendations as a numbered list: first those that follow from the mistakes, then those for any detector.

    Args:
        params: The study's parameters.
        advice: Titles and sentences, as `advice` returns them.
        loss: Loss of the fit by epoch.
    """
    lines = [f"**{title}.** {sentence}" for title, sentence in advice]
    if (decrease := recent_decrease(loss)) is not None:
        title = "Try more epochs" if decrease > FALLING else "Do not expect more epochs to help"
        changed = f"fell by {percent(decrease)}" if decrease > FALLING else f"changed by {percent(abs(decrease))}"
        lines.append(f"**{title}.** Over the last four epochs the loss {changed}.")
    lines.append(
        "**Choose the threshold by the cost of the two errors**, not by accuracy: see the workload in "
        "[the evaluation](04_evaluation.ipynb) and the threshold sweep in [the refinement](05_refinement.ipynb)."
    )
    if params.protocol != "holdout":
        lines.append(
            "**Evaluate on images held out.** Under the protocol "
            f"`{params.protocol}` the normal images of the test set are those fitted on."
        )
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def advice(
    verdicts: Sequence[Verdict], associations: pandas.DataFrame | None = None, refined: bool = False
) -> list[tuple[str, str]]:
    """Return what to do, what not to do, and what has to be tried, as pairs of a title and its reason (Markdown).

    Args:
        verdicts: What `lib.evaluation.claims.check_claims` returns.
        associations: What `lib.evaluation.claims.associations` returns for the normal images and the anomalies; may be
            None.
        refined: Whether the study fits refinements, so that nothing has to be said about them here.

    Returns:
        In this order: images to fit on, images that hide anomalies, attributes that the score should not depend on,
        claims that are not supported, and experiments to make.
    """
    single = [verdict for verdict in with_parts(verdicts) if not verdict.parts]
    pairs = [_collect(verdict) for verdict in _supported(single, ALARMS)]
    pairs += [_examine(verdict) for verdict in _supported(single, MISSED)]
    pairs += _nuisance(associations) if associations is not None else []
    pairs += _unsupported(single)
    return pairs if refined or not single else [*pairs, _untried(single)]


def _supported(verdicts: Sequence[Verdict], group: str) -> list[Verdict]:
    """The supported verdicts on a group, largest effect first."""
    supported = [verdict for verdict in verdicts if verdict.claim.group == group and verdict.word == SUPPORTED]
    return sorted(supported, key=lambda verdict: -verdict.effect["value"])


def _collect(verdict: Verdict) -> tuple[str, str]:
    claim, share = verdict.claim, verdict.share
    sentence = f"{_rates(verdict)} {percent(share.value)} of the {share.size:,} false alarms are of this kind"
    if not share.count:
        sentence += " by the cut used; the difference is below the cut."
    elif share.high < 0.5:
        sentence += ", so more such images, or augmentation towards them, can remove at most this share."
    else:
        sentence += ": collect more such images for fitting, or augment towards them."
    return f"Fit on more images of class {claim.normal_class} {claim.kind}", sentence


def _examine(verdict: Verdict) -> tuple[str, str]:
    return (
        f"Examine images {verdict.claim.kind}",
        f"{_rates(verdict)} The mean error of an image is low if most of it is easy to reconstruct; try the largest "
        "local error, or the error on the object alone.",
    )


def _rates(verdict: Verdict) -> str:
    """The error rates of the images that meet a claim and of those that do not."""
    images, decided = ("anomalies", "missed") if verdict.claim.group == MISSED else ("normal images", "flagged")
    meeting, others = verdict.rates
    kind = f"{images} {verdict.claim.kind}"
    if meeting is None or others is None:
        return f"{kind[0].upper()}{kind[1:]} are {decided} more often ({against_half(verdict.effect)})."
    return (
        f"Of the {kind}, {percent(meeting)} are {decided}, of the others {percent(others)} "
        f"({against_half(verdict.effect)})."
    )


def _nuisance(associations: pandas.DataFrame) -> list[tuple[str, str]]:
    """The attribute that correlates most with the score in every group, with the same sign; empty if there is none."""
    groups = associations["group"].nunique()
    best = None
    for name, rows in associations.groupby("attribute", sort=False):
        rising, falls = (rows["low"] > _CLEAR).all(), (rows["high"] < -_CLEAR).all()
        weakest = rows["value"].abs().min()
        if len(rows) == groups and (rising or falls) and (best is None or weakest > best[0]):
            best = (weakest, name, rows, rising)
    if groups < 2 or best is None:
        return []
    _, name, rows, rising = best
    correlations = " and ".join(
        f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f}) among the {row.n:,} {row.group}".replace("-", "−")
        for row in rows.itertuples()
    )
    words = DESCRIPTIONS.get(name, name)
    return [
        (
            f"Make the score independent of {words}",
            f"The score {'rises' if rising else 'falls'} with {words} for normal images and anomalies alike: "
            f"Spearman's correlation is {correlations}. To that extent the score measures how hard an image is to "
            f"reconstruct. Compare an image with normal images that are like it in {words}, or divide its error "
            "by theirs.",
        )
    ]


def _unsupported(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """The claims that the measurements do not support."""
    pairs = []
    for group, title in (
        (ALARMS, "Do not expect fewer false alarms from more images"),
        (MISSED, "Do not attribute missed anomalies to images"),
    ):
        rejected = [v for v in verdicts if v.claim.group == group and v.word in (NOT_SUPPORTED, CONTRADICTED)]
        if not rejected:
            continue
        reasons = "; ".join(
            f"{v.claim.kind}: {percent(v.share.value)} of the {v.share.size:,} {v.claim.group_name}, "
            f"{percent(v.others.value)} of the {v.others.size:,} {v.claim.others_name} ({against_half(v.effect)}), "
            f"{v.word}"
            for v in rejected
        )
        pairs.append((f"{title} {' or '.join(v.claim.kind for v in rejected)}", f"Images {reasons}."))
    return pairs


def _untried(verdicts: Sequence[Verdict]) -> tuple[str, str]:
    sentence = (
        "The scores of one detector cannot show whether a more complex model or a larger latent vector would help. Fit "
        "one of each and compare their AUROC on the same test set, over several seeds."
    )
    if unmeasurable := [verdict.claim.statement for verdict in verdicts if verdict.word == UNMEASURABLE]:
        sentence += f" These claims could not be measured on this data set: {'; '.join(dict.fromkeys(unmeasurable))}."
    return "Test a larger model before using one", sentence
