"""What to do about the mistakes: each recommendation follows from a verdict or an association and cites its numbers."""

from collections.abc import Sequence

import pandas

from lib.data.attributes import DESCRIPTIONS
from lib.evaluation.claims.published import ALARMS, MISSED
from lib.evaluation.claims.verdicts import CONTRADICTED, NOT_SUPPORTED, SUPPORTED, UNMEASURABLE, Verdict, flat
from lib.presentation.text.claims import percent

_CLEAR = 0.1  # Cohen's small correlation: an interval has to end beyond it


def recommendations(verdicts: Sequence[Verdict], found: pandas.DataFrame | None = None) -> list[tuple[str, str]]:
    """Turn verdicts and associations into what to do, what not to do, and what nothing here decides.

    Args:
        verdicts: What `judge_all` returns.
        found: What `associations` returns for the normal images and the anomalies, in two groups; may be None.

    Returns:
        Titles and sentences (Markdown without a list), the most useful first: images to fit on, what hides anomalies,
        what the score should not depend on, what is not worth the effort, and what has to be tried.
    """
    single = [verdict for verdict in flat(verdicts) if not verdict.parts]
    advice = [_collect(verdict) for verdict in _ranked(single, ALARMS)]
    advice += [_uncover(verdict) for verdict in _ranked(single, MISSED)]
    nuisance = _nuisance(found) if found is not None else None
    advice += [nuisance] if nuisance else []
    advice += _unfounded(single)
    if single:
        advice.append(_untried(single))
    return advice


def _ranked(verdicts: Sequence[Verdict], group: str) -> list[Verdict]:
    """The supported verdicts on a group, strongest first."""
    chosen = [each for each in verdicts if each.claim.group == group and each.word == SUPPORTED]
    return sorted(chosen, key=lambda each: -each.effect["value"])


def _collect(verdict: Verdict) -> tuple[str, str]:
    claim, share = verdict.claim, verdict.share
    sentence = (
        f"{_rates(verdict, 'normal images', 'flagged')} "
        f"{percent(share.value)} of the {share.size:,} false alarms are of this kind"
    )
    if not share.count:
        sentence += " by the cut taken; the difference lies below it."
    elif share.high < 0.5:
        sentence += ", so more of them in training, or augmentation towards them, can help with only so many."
    else:
        sentence += ": collect more of them for training, or augment towards them."
    return f"Fit on more images of class {claim.normal_class} {claim.kind}", sentence


def _uncover(verdict: Verdict) -> tuple[str, str]:
    return (
        f"Look closer at images {verdict.claim.kind}",
        f"{_rates(verdict, 'anomalies', 'missed')} A score averaged over the image rewards whatever is easy to "
        "reconstruct there; try the largest local error, or the error on the object alone.",
    )


def _rates(verdict: Verdict, images: str, done: str) -> str:
    """How often images are judged wrongly if they fulfil a claim, and if they do not."""
    fulfilling, rest = verdict.rates
    effect = verdict.effect
    number = f"(probability higher {effect['value']:.2f}, {effect['low']:.2f} to {effect['high']:.2f})"
    if fulfilling is None or rest is None:
        return f"{images.capitalize()} {verdict.claim.kind} are {done} more often {number}."
    kind = f"{images} {verdict.claim.kind}"
    return f"Of the {kind}, {percent(fulfilling)} are {done}; of the rest, {percent(rest)} {number}."


def _nuisance(found: pandas.DataFrame) -> tuple[str, str] | None:
    """The attribute that moves the score most in every group, the same way; None if there is none."""
    groups = list(dict.fromkeys(found["group"]))
    if len(groups) < 2:
        return None
    best = None
    for name, rows in found.groupby("attribute", sort=False):
        rising, falling = (rows["low"] > _CLEAR).all(), (rows["high"] < -_CLEAR).all()
        if len(rows) == len(groups) and (rising or falling):
            least = rows["value"].abs().min()
            if best is None or least > best[0]:
                best = (least, name, rows, rising)
    if best is None:
        return None
    _, name, rows, rising = best
    told = " and ".join(
        f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f}) among the {row.group}".replace("-", "−")
        for row in rows.itertuples()
    )
    words = DESCRIPTIONS.get(name, name)
    return (
        f"Make the score independent of {words}",
        f"The score {'rises' if rising else 'falls'} with {words} whether an image is normal or not: Spearman's "
        f"correlation is {told}. To that extent it measures how hard a picture is to reconstruct. Judge an image "
        "against normal images with as much of it, or divide the error by what it leads one to expect.",
    )


def _unfounded(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """What the claims would suggest and the measurements do not."""
    against = [each for each in verdicts if each.word in (NOT_SUPPORTED, CONTRADICTED)]
    advice = []
    for group, title in ((ALARMS, "Do not expect fewer false alarms from"), (MISSED, "Do not blame misses on")):
        chosen = [each for each in against if each.claim.group == group]
        if not chosen:
            continue
        told = "; ".join(
            f"{each.claim.kind}: true of {percent(each.share.value)} against {percent(each.others.value)}, probability "
            f"higher {each.effect['value']:.2f} ({each.effect['low']:.2f} to {each.effect['high']:.2f}), {each.word}"
            for each in chosen
        )
        kinds = " or ".join(each.claim.kind for each in chosen)
        what = f"more images {kinds}" if group == ALARMS else f"images {kinds}"
        advice.append((f"{title} {what}", f"The measurements do not bear it out. Images {told}."))
    return advice


def _untried(verdicts: Sequence[Verdict]) -> tuple[str, str]:
    open_claims = [each.claim.statement for each in verdicts if each.word == UNMEASURABLE]
    sentence = (
        "Whether a more complex model or a larger latent vector would help follows from no score of a single detector. "
        "Fit one of each and compare its AUROC on the same images held out, over several seeds."
    )
    if open_claims:
        claims = "; ".join(dict.fromkeys(open_claims))
        sentence += f" Nor do these images decide what was claimed of mistakes elsewhere: {claims}."
    return "Try a larger model before believing in it", sentence
