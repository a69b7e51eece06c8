"""Sentences on what a detector is worth, beside others, elsewhere and in use."""

from collections.abc import Mapping
from typing import Any

from lib.presentation.text.terms import count, listed, percent


def held_out(own: Mapping[str, float], new: Mapping[str, float], fitted: int, unseen: int) -> str:
    """What judging on images that were fitted on does to AUROC.

    Args:
        own: AUROC with the normal images that were fitted on.
        new: AUROC of the same kind of detector with normal images that were not.
        fitted: normal images fitted on, in the second.
        unseen: normal images judged, in the second.
    """
    change = own["value"] - new["value"]
    apart = own["low"] > new["high"]
    text = (
        f"Against {count(unseen, 'normal image')} held out, an autoencoder fitted on the other part "
        f"({count(fitted, 'image')}) has an AUROC of **{new['value']:.4f}** (95 % interval {new['low']:.4f} to "
        f"{new['high']:.4f}); against the images it was fitted on, {own['value']:.4f} ({own['low']:.4f} to "
        f"{own['high']:.4f}). "
    )
    if apart:
        return text + f"The difference of {change:.4f} is what it had learned by heart."
    return text + f"The two intervals overlap, so the difference of {change:+.4f} may be chance."


def references(ranked: Mapping[str, Mapping[str, Any]]) -> str:
    """How cheap detectors and shortcuts stand to the autoencoder.

    Args:
        ranked: of `lib.evaluation.evaluate.references`: the autoencoder first, then by printed name `auroc`, `difference` (to the
            autoencoder, paired) and `shortcut` (whether it looks at what has nothing to do with the content).
    """
    autoencoder = ranked["autoencoder"]["auroc"]
    records = {name: record for name, record in ranked.items() if name != "autoencoder"}
    better = [name for name, record in records.items() if record["difference"]["low"] > 0]
    level = [
        name for name, record in records.items() if record["difference"]["low"] <= 0 <= record["difference"]["high"]
    ]
    told = [name for name, record in records.items() if record["shortcut"] and record["auroc"]["low"] > 0.5]
    best = max(records, key=lambda name: records[name]["auroc"]["value"])
    text = (
        f"The best of the cheap detectors is {best}, with an AUROC of {records[best]['auroc']['value']:.4f}; the "
        f"autoencoder has {autoencoder['value']:.4f}. "
    )
    text += (
        f"**Clearly better than the autoencoder: {', '.join(better)}.** "
        if better
        else ("None of them is clearly better than the autoencoder. ")
    )
    if winners := [name for name in better if records[name]["shortcut"]]:
        do = "does" if len(winners) == 1 else "do"
        text += (
            f"**A shortcut wins**: {listed(winners)} {do} not look at what is shown, so on this data set anomalies can "
            "be told without knowing what is normal. "
        )
    if level:
        text += f"No clear difference to it: {', '.join(level)}. "
    if told:
        shares = ", ".join(f"{name} ({records[name]['auroc']['value']:.4f})" for name in told)
        text += (
            f"Shortcuts, which do not look at what is shown, tell anomalies better than chance: {shares}. A "
            "detector may use them unnoticed."
        )
    return text.strip()


def spread(values: Mapping[int, float]) -> str:
    """How much AUROC changes with the seed alone."""
    if len(values) < 2:
        return "This report fits with one seed. Name further `seeds` in the parameter set to see how far it matters."
    ordered = sorted(values.values())
    middle = sum(ordered) / len(ordered)
    deviation = (sum((value - middle) ** 2 for value in ordered) / (len(ordered) - 1)) ** 0.5
    return (
        f"Over {count(len(ordered), 'seed')} AUROC lies between {ordered[0]:.4f} and {ordered[-1]:.4f}, with a "
        f"standard deviation of {deviation:.4f}. A difference between detectors that is not clearly larger is noise."
    )


def precision(kind: str, record: Mapping[str, Any] | None) -> str:
    """What computing in mixed precision did to AUROC and to the seconds, of `lib.evaluation.evaluate.precision`."""
    if record is None:
        return "Every layer computes in float32, so nothing is lost to arithmetic, and nothing gained."
    change = record["difference"]
    clear = change["low"] > 0 or change["high"] < 0
    mixed, plain = record["seconds"][kind], record["seconds"]["float32"]
    return (
        f"Computed in `{kind}`, the AUROC is {record['auroc']['value']:.4f}; in float32 it is "
        f"{record['exact']['value']:.4f}. The difference of {change['value']:+.4f} (95 % interval {change['low']:+.4f} "
        f"to {change['high']:+.4f}) {'is more than chance' if clear else 'may be chance'}. Fitting and scoring took "
        f"{mixed:.0f} s instead of {plain:.0f} s."
    )


def workload(row: Mapping[str, float], prevalence: float, per: int = 1000) -> str:
    """What a threshold means for the people who look at what is flagged."""
    return (
        f"Of {per:,} images with {percent(prevalence)} anomalies, the threshold in use flags {row['reviewed']:.0f} for "
        f"review; {row['in_vain']:.0f} of them in vain. It catches {row['caught']:.0f} anomalies and misses "
        f"{row['missed']:.0f}."
    )
