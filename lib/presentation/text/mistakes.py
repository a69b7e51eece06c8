"""Sentences on mistakes: what they have in common, and what to do about them."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.params import Parameters
from lib.presentation.text.terms import count, percent

FEW = 5  # images below which nothing is said of what they have in common
CLEAR = 0.05  # how far from one half an effect's interval must end to be worth a recommendation


def shifts(group: str, others: str, size: int, names: Sequence[str], results: Sequence[Mapping[str, float]]) -> str:
    """Which attributes tell a group from the others, strongest first."""
    if not size:
        return f"There are no {group}, so there is nothing that they have in common."
    if size < FEW:
        return f"There are only {size} {group}: too few to tell what they have in common."
    clear = _clear(names, results)
    if not clear:
        return f"None of the attributes measured tells the {size:,} {group} clearly from the {others}."
    told = ", ".join(
        f"{'more' if result['value'] > 0.5 else 'less'} {name} ({result['value']:.2f})" for name, result in clear[:4]
    )
    return (
        f"The {size:,} {group} differ most from the {others} in: {told}. In parentheses stands the probability that "
        "one of them, picked at random, has the higher value; 0.5 is no difference."
    )


def _clear(names: Sequence[str], results: Sequence[Mapping[str, float]]) -> list[tuple[str, Mapping[str, float]]]:
    """Attributes whose interval ends clear of one half, strongest first."""
    pairs = zip(names, results, strict=True)
    clear = [(name, result) for name, result in pairs if result["low"] > 0.5 + CLEAR or result["high"] < 0.5 - CLEAR]
    return sorted(clear, key=lambda pair: -abs(pair[1]["value"] - 0.5))


def recommendations(params: Parameters, advice: Sequence[tuple[str, str]], loss: Sequence[float]) -> str:
    """What to do, as a numbered list: what follows from the mistakes, then what holds for any detector.

    Args:
        params: the study's parameters.
        advice: titles and sentences of `lib.evaluation.claims.recommendations`.
        loss: of the fit, by epoch.
    """
    lines = [f"**{title.rstrip('.')}.** {sentence}" for title, sentence in advice]
    if len(loss) >= 5:
        gained = 1 - loss[-1] / loss[-5]
        lines.append(
            f"**Try more epochs.** The loss still fell by {percent(gained)} over the last four."
            if gained > 0.02
            else "**Do not expect more epochs to help.** The loss changed by "
            f"{percent(abs(gained))} over the last four."
        )
    lines.append(
        "**Choose the threshold by what errors cost**, not by accuracy: [the evaluation](04_evaluation.ipynb) shows "
        "the work-load, the sweep in [the refinement](05_refinement.ipynb) the trade."
    )
    if params.protocol != "holdout":
        lines.append(
            "**Measure on images held out before trusting any of this.** "
            f"Under the protocol `{params.protocol}` the normal images judged are those fitted on."
        )
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def classes(frame: Any, threshold: float) -> str:
    """Which classes of anomalies are hardest and easiest, of `lib.evaluation.metrics.by_class`."""
    hard, easy = frame.iloc[0], frame.iloc[-1]
    half = int((frame["recall"] < 0.5).sum())
    return (
        f"Of {count(len(frame), 'class', 'classes')} of anomalies, {hard['class']} is the hardest: "
        f"{percent(hard['recall'])} of its {int(hard['n']):,} images are flagged at the threshold of {threshold:.4g}, "
        f"against {percent(easy['recall'])} of the {int(easy['n']):,} of {easy['class']}. "
        f"{count(half, 'class is', 'classes are')} missed more often than caught."
    )
