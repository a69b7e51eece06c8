"""Computed sentences: numbers in, Markdown out, so that no page states what its figures do not.

Every function reads the same for any study; nothing here knows of airplanes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lib import metrics
from lib.params import Parameters
from lib.thresholds import Threshold, realised_fpr

NAMES = {"autoencoder": "autoencoder", "vae": "VAE", "beta_vae": "β-VAE"}
FEW = 5  # images below which nothing is said of what they have in common
CLEAR = 0.05  # how far from one half an effect's interval must end to be worth a recommendation


def count(number: int, singular: str, plural: str | None = None) -> str:
    """`"1 image"`, `"1,234 images"`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def percent(share: float) -> str:
    """`"12.3 %"`, with one digit more below 1 % and above 99 %, so that almost all is not called all."""
    digits = 1 if 0.01 <= share <= 0.99 or share in (0.0, 1.0) else 2
    return f"{100 * share:.{digits}f} %"


def totals(params: Parameters, counts: Mapping[str, int], largest: tuple[str, int]) -> str:
    """What the data set holds, and what its unbalance does to accuracy."""
    share = counts["anomalies"] / counts["images"]
    lines = [
        f"The data set holds **{count(counts['images'], 'image')}** in **{counts['classes']} classes**. "
        f"Class **{params.normal_class}** is normal, with {count(counts['normal'], 'image')}; the other "
        f"{count(counts['classes'] - 1, 'class', 'classes')}, with {count(counts['anomalies'], 'image')}, are "
        "anomalies.",
    ]
    if largest[0] == params.normal_class:
        lines.append("The normal class is the largest.")
    else:
        lines.append(f"The largest class is {largest[0]}, with {count(largest[1], 'image')}.")
    f1 = 2 * share / (1 + share)
    lines.append(
        f"So {percent(share)} of the images are anomalies, and a detector that looks at nothing and flags every "
        f"image already reaches an accuracy of {share:.4f} and an F1 of {f1:.4f}. Every figure of this report has to "
        "be read against these two."
    )
    return " ".join(lines)


def originals(heights: Sequence[int], widths: Sequence[int], size: int) -> str:
    """What the images were before they were resized."""
    ordered = sorted(zip(heights, widths, strict=True), key=lambda side: side[0] * side[1])
    if ordered[0] == ordered[-1]:
        return f"All originals measure {ordered[0][1]} × {ordered[0][0]} pixels; all become {size} × {size}."
    middle = ordered[len(ordered) // 2]
    ratios = sorted(width / height for height, width in ordered)
    return (
        f"The originals measure from {ordered[0][1]} × {ordered[0][0]} to {ordered[-1][1]} × {ordered[-1][0]} pixels "
        f"({middle[1]} × {middle[0]} in the middle), and are {ratios[0]:.2f} to {ratios[-1]:.2f} times as wide as high "
        f"({ratios[len(ratios) // 2]:.2f} in the middle). All become {size} × {size}, so their proportions are lost."
    )


def protocol(params: Parameters, parts: Mapping[str, int], seen: int) -> str:
    """Which images are fitted on and which judged, and what that does to the figures.

    Args:
        params: the study's parameters.
        parts: images of each part: `fit`, `calibration`, `validation`, `normal` (judged), `anomalies` (judged), and
            `dropped`, those left out as near-duplicates of images that the detector or its threshold has seen.
        seen: judged images that were fitted on.
    """
    judged = f"{count(parts['normal'], 'normal image')} and {count(parts['anomalies'], 'anomaly', 'anomalies')}"
    text = (
        f"Protocol `{params.protocol}`: the detector is fitted on {count(parts['fit'], 'normal image')} and judged on "
        f"{judged}. "
    )
    if seen:
        return text + (
            f"**{count(seen, 'judged image')} were fitted on**: nothing was held out. The false alarms counted here "
            "are therefore fewer than new images would raise, and the figures compare with the published ones, not "
            "with use."
        )
    text += "**No image that is judged was fitted on**, nor seen by the rule that chooses the threshold: that has "
    text += f"{count(parts['calibration'], 'normal image')} of its own"
    if parts["validation"]:
        text += f", and {count(parts['validation'], 'labelled anomaly', 'labelled anomalies')}"
    text += ". Which part an image is in follows from its name and the seed alone."
    if parts["dropped"]:
        text += (
            f" {count(parts['dropped'], 'anomaly', 'anomalies')} that nearly repeat an image fitted on or calibrated "
            "with are left out of judging."
        )
    return text


def duplicates(groups: int, images: int, pairs: Sequence[tuple[str, str, int]]) -> str:
    """What near-duplicates the data set holds, and that they are kept on one side."""
    if not groups:
        return "No image is the same file as another, or nearly repeats it."
    text = (
        f"{count(images, 'image')} form {count(groups, 'group')} of the same file or of near-duplicates, found by what "
        "they show and not by their names. A group is never divided between parts."
    )
    across = [f"{first} and {second} ({number})" for first, second, number in pairs[:5]]
    return text + (f" Most groups across classes: {', '.join(across)}." if across else "")


def network(rows: Sequence[Mapping[str, Any]], shape: Sequence[int], latent: int) -> str:
    """How far a network squeezes an image, and where its parameters are."""
    total = sum(row["parameters"] for row in rows)
    largest = max(rows, key=lambda row: row["parameters"])
    values = shape[0] * shape[1] * shape[2]
    change = (
        f"a {values / latent:.0f}th of the {values:,} values of an image"
        if values > 2 * latent
        else f"against {values:,} values of an image"
    )
    return (
        f"The latent vector has {latent:,} values, {change}. Of the network's {total:,} parameters, "
        f"{percent(largest['parameters'] / total)} are in one layer: {largest['layer']} of the {largest['part']}."
    )


def learning(name: str, history: Mapping[str, Sequence[float]], seconds: Mapping[str, float], kept: bool) -> str:
    """How a fit went, and whether it had ended."""
    loss = history["loss"]
    text = (
        f"In {count(len(loss), 'epoch')} the loss of the {NAMES.get(name, name)} went from {loss[0]:.4f} to "
        f"{loss[-1]:.4f}. Fitting took {seconds['fit']:.0f} s and scoring every image {seconds['score']:.0f} s"
    )
    text += " (kept from an earlier run with the same data, parameters, code and libraries)." if kept else "."
    if len(loss) >= 5 and loss[-5] > 0:
        gained = 1 - loss[-1] / loss[-5]
        text += (
            f" Over the last four epochs it still fell by {percent(gained)}, so training had not ended when it stopped."
            if gained > 0.02
            else f" Over the last four epochs it changed by {percent(abs(gained))}: more epochs would change little."
        )
    return text


RULES = {
    "fixed": "is fixed by the parameter set",
    "target_fpr": "keeps the expected share of normal images flagged at or below the target, by split conformal "
    "calibration",
    "max_f1": "is where F1 is highest",
    "youden": "is where recall minus the false alarm rate is highest",
    "min_cost": "is where the expected cost of misses and false alarms is lowest",
}


def scatter(calibration: int, target: float) -> str:
    """What rate of false alarms to expect of a threshold that was set on so many normal images."""
    mean, low, high = realised_fpr(calibration, target)
    return (
        f"With {count(calibration, 'calibration image')} and a target of {percent(target)}, the rate on new images is "
        f"{percent(mean)} in the mean, and between {percent(low)} and {percent(high)} for 95 % of calibration parts."
    )


def rule(line: Threshold, params: Parameters, calibration: int, fpr: Mapping[str, Any]) -> str:
    """How a threshold came about, what its rule was shown, and what it came to on the judged images.

    Args:
        line: the threshold.
        params: the study's parameters.
        calibration: normal images that the rule was shown.
        fpr: the false positive rate on the judged images.
    """
    text = f"The threshold of {line.value:.4g} {RULES[line.rule]} (rule `{line.rule}`); the rule saw {line.saw}."
    if line.rule == "target_fpr":
        text += " " + scatter(calibration, params.target_fpr)
    if fpr["low"] is not None:
        text += (
            f" On the judged normal images it is {percent(fpr['value'])} (95 % interval {percent(fpr['low'])} to "
            f"{percent(fpr['high'])})."
        )
    return text


def decisions(name: str, result: Mapping[str, Any], threshold: float, reference: Mapping[str, Any] | None) -> str:
    """Counts detected and misclassified at a threshold, beside the published ones."""
    anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
    text = (
        f"At the threshold of {threshold:.4g} the {NAMES.get(name, name)} detects **{result['tp']:,} of "
        f"{count(anomalies, 'anomaly', 'anomalies')}** and misses {result['fn']:,}; it takes **{result['fp']:,} of "
        f"{count(normals, 'normal image')}** for anomalies and passes {result['tn']:,}."
    )
    if reference:
        text += (
            f" The published study found {reference['tp']:,} and {reference['fn']:,}, {reference['fp']:,} and "
            f"{reference['tn']:,}."
        )
    return text


def verdict(name: str, result: Mapping[str, Any], auroc: Mapping[str, float]) -> str:
    """Accuracy and F1 against flagging everything, and AUROC against chance."""
    lines = []
    for key, word in (("accuracy", "accuracy"), ("f1", "F1")):
        metric = result[key]
        lines.append(f"an {word} of {metric['value']:.4f}, {_against(metric)}")
    ranked = (
        f"Its AUROC is **{auroc['value']:.4f}** (95 % interval {auroc['low']:.4f} to {auroc['high']:.4f}): so often "
        "does a random anomaly score higher than a random normal image, whatever the threshold."
    )
    return f"The {NAMES.get(name, name)} reaches {lines[0]}, and {lines[1]}. {ranked}"


def _against(metric: Mapping[str, Any]) -> str:
    """How a metric stands to deciding without looking, judged by its interval."""
    value, words = metrics.against(metric)
    word = metrics.better_than_trivial(metric)
    told = {"better": "better than", "no better": "**no better than", "worse": "**worse than"}[word]
    return f"{told} {words}{'' if word == 'better' else '**'} ({value:.4f})"


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
        advice: titles and sentences of `lib.claims.recommendations`.
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


def sweep(thresholds: Sequence[float], results: Sequence[Mapping[str, Any]]) -> str:
    """Which threshold is best by which measure, and what the ends of the sweep cost."""

    def best(key: str) -> str:
        value, threshold = max((result[key]["value"], -at) for at, result in zip(thresholds, results, strict=True))
        return f"{-threshold:g} ({value:.4f})"

    first, last = results[0], results[-1]
    return (
        f"Accuracy is highest at {best('accuracy')}, F1 at {best('f1')}; balanced accuracy, which is not swayed by how "
        f"many anomalies there are, at {best('balanced_accuracy')}. At {thresholds[0]:g} the detector misses "
        f"{count(first['fn'], 'anomaly', 'anomalies')} and raises {count(first['fp'], 'false alarm')}; at "
        f"{thresholds[-1]:g} it misses {last['fn']:,} and raises {last['fp']:,}."
    )


def costs(normal_class: str, thresholds: Sequence[float], results: Sequence[Mapping[str, Any]]) -> str:
    """What the sweep says of the price of a rejected normal image against a missed anomaly.

    Between two neighbouring thresholds the higher one is the better choice when a false alarm costs more than the
    extra misses it saves.
    """
    lines = []
    for low, high, at, above in zip(results, results[1:], thresholds, thresholds[1:], strict=False):
        saved, missed = low["fp"] - high["fp"], high["fn"] - low["fn"]
        if not saved and not missed:
            continue
        price = f"{missed / saved:.1f} missed anomalies for each" if saved else "at no gain"
        lines.append(
            f"- From {at:g} to {above:g}: {count(saved, 'false alarm')} fewer, "
            f"{count(missed, 'more missed anomaly', 'more missed anomalies')} ({price})."
        )
    return (
        f"Which threshold is best depends on what the two errors cost. A false alarm is an image of class "
        f"{normal_class} turned away; a miss is an anomaly let through. Raising the threshold buys fewer of the first "
        "with more of the second:\n\n" + "\n".join(lines) + "\n\nA step up pays only where one false alarm costs more "
        "than that many misses."
    )


def collapse(history: Mapping[str, Sequence[float]], beta: float, spread: float, autoencoder: float) -> str:
    """Why a VAE reconstructs as it does: its two terms, and how much its reconstructions differ between images.

    Args:
        history: with `reconstruction` (mean squared error) and `kl` (nats an image) by epoch.
        beta: weight of the KL term.
        spread: standard deviation between the reconstructions of different images, mean over pixels, in [0, 1].
        autoencoder: the same of the autoencoder.
    """
    kl, mse = history["kl"][-1], history["reconstruction"][-1]
    share = beta * kl / (beta * kl + mse)
    text = (
        f"With β = {beta:g} the last epoch ends with a reconstruction term of {mse:.4f} and a KL divergence of "
        f"{kl:.3g} nats an image, weighted {beta * kl:.3g}: {percent(share)} of the loss. "
    )
    text += (
        f"Reconstructions of different images differ by {spread:.4f} (standard deviation of a pixel, 0 to 1), those of "
        f"the autoencoder by {autoencoder:.4f}. "
    )
    if kl < 1.0:
        text += (
            "Less than one nat passes through the latent vector: the posterior has **collapsed** onto the prior, the "
            "decoder no longer learns which image it was given, and paints the average normal image every time. "
            "A nat of KL costs as much as a mean squared error of "
            f"{beta:g}, and the whole reconstruction term is {mse:.4f}: carrying information can never pay."
        )
    else:
        text += f"{kl:.1f} nats pass through the latent vector, so reconstructions follow the image they are of."
    return text


def comparison(aurocs: Mapping[str, Mapping[str, float]], results: Mapping[str, Mapping[str, Any]]) -> str:
    """Which detector ranks best, and which of them do no better than deciding without looking."""
    ranked = sorted(aurocs, key=lambda name: -aurocs[name]["value"])
    told = ", ".join(f"{NAMES.get(name, name)} {aurocs[name]['value']:.4f}" for name in ranked)
    text = f"By AUROC: {told}."
    idle = [
        NAMES.get(name, name)
        for name, result in results.items()
        if metrics.better_than_trivial(result["accuracy"]) != "better"
    ]
    if idle:
        text += f" The accuracy of {' and '.join(idle)} is no better than deciding without looking."
    return text


def description(params: Parameters) -> str:
    """What the study asks, in a sentence for the cover."""
    return (
        f"Images of class {params.normal_class} are normal. Can a detector that has seen nothing else tell that every "
        "other image is not?"
    )


def headline(params: Parameters, figures: Mapping[str, Any]) -> list[str]:
    """The main results of a run, one sentence each, from its `metrics.json`."""
    lines = []
    for name, record in figures["detectors"].items():
        line = record["threshold"]["value"]
        result = record["thresholds"][f"{line:g}"]
        anomalies, normals = result["tp"] + result["fn"], result["fp"] + result["tn"]
        accuracy = result["accuracy"]
        lines.append(
            f"**{NAMES.get(name, name)}**: AUROC {record['auroc']['value']:.4f}; at the threshold of "
            f"{line:.4g} it catches {result['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')} and "
            f"raises {count(result['fp'], 'false alarm')} on {count(normals, 'normal image')} (accuracy "
            f"{accuracy['value']:.4f}, {_against(accuracy)})."
        )
    kept = "every judged image was held out" if params.protocol == "holdout" else "no normal image was held out"
    lines.append(f"Judged under the protocol `{params.protocol}`: {kept}.")
    if "held_out" in figures:
        for name, both in figures["held_out"].items():
            lines.append(
                f"AUROC of the {NAMES.get(name, name)} on normal images held out: {both['unseen']['value']:.4f}; on "
                f"those fitted on: {both['fitted']['value']:.4f}."
            )
    if "references" in figures:
        cheap = {name: record for name, record in figures["references"].items() if name != "autoencoder"}
        best = max(cheap, key=lambda name: cheap[name]["auroc"]["value"])
        lines.append(
            f"Best of the cheap reference detectors: {best}, AUROC {cheap[best]['auroc']['value']:.4f}"
            + (", a shortcut that looks at nothing in the picture." if cheap[best]["shortcut"] else ".")
        )
    if "refinements" in figures:
        choice = figures["refinements"]["choice"]
        judged = figures["refinements"]["judged"][choice["detector"]]
        at = choice["at"]
        lines.append(
            f"**Recommended, chosen on a validation part**: {choice['detector']}, AUROC {judged['auroc']['value']:.4f} "
            f"on images held out; at its threshold it catches {at['tp']:,} of "
            f"{count(at['tp'] + at['fn'], 'anomaly', 'anomalies')} and raises {count(at['fp'], 'false alarm')} on "
            f"{count(at['fp'] + at['tn'], 'normal image')}."
        )
    return lines


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
        ranked: of `lib.judgement.references`: the autoencoder first, then by printed name `auroc`, `difference` (to the
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
        text += (
            f"**A shortcut wins**: {' and '.join(winners)} does not look at what is shown, so on this data set "
            "anomalies can be told without knowing what is normal. "
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


def companions(made: Sequence[str]) -> str:
    """Which further fits there are for later pages to read."""
    if not made:
        return "No later page needs another fit of the autoencoder."
    return f"For later pages to compare with, the autoencoder is fitted again {', '.join(made)}."


def precision(kind: str, record: Mapping[str, Any] | None) -> str:
    """What computing in mixed precision did to AUROC and to the seconds, of `lib.judgement.precision`."""
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


def classes(frame: Any, threshold: float) -> str:
    """Which classes of anomalies are hardest and easiest, of `lib.metrics.by_class`."""
    hard, easy = frame.iloc[0], frame.iloc[-1]
    half = int((frame["recall"] < 0.5).sum())
    return (
        f"Of {count(len(frame), 'class', 'classes')} of anomalies, {hard['class']} is the hardest: "
        f"{percent(hard['recall'])} of its {int(hard['n']):,} images are flagged at the threshold of {threshold:.4g}, "
        f"against {percent(easy['recall'])} of the {int(easy['n']):,} of {easy['class']}. "
        f"{count(half, 'class is', 'classes are')} missed more often than caught."
    )


def workload(row: Mapping[str, float], prevalence: float, per: int = 1000) -> str:
    """What a threshold means for the people who look at what is flagged."""
    return (
        f"Of {per:,} images with {percent(prevalence)} anomalies, the threshold in use flags {row['reviewed']:.0f} for "
        f"review; {row['in_vain']:.0f} of them in vain. It catches {row['caught']:.0f} anomalies and misses "
        f"{row['missed']:.0f}."
    )


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
