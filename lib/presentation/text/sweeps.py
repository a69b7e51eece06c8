"""Sentences of a sweep's leaderboard: who wins, whether it matters, and what limits it."""

from collections.abc import Iterator, Mapping, Sequence

from lib.core.formatting import count, listed, p_value, percent, signed
from lib.evaluation.rankings import LEVEL, Ranking
from lib.presentation.memo import Box
from lib.presentation.tables.markdown import literal
from lib.presentation.text.terms import area, in_words, interval

METHOD = (
    "In each study the detectors are fitted on the same normal images and tested on the same images held out. Values "
    "that differ only in the seed are averaged first, so that a study counts once. Ranks are those of the AUROC in "
    "each study. Each two detectors are compared by Wilcoxon's signed-rank test over the studies, and the p-values are "
    "adjusted for all pairs by the method of Holm. The intervals are t-intervals over the studies. They say how a mean "
    "varies from study to study, and not how it varies with the images of one study."
)


def studies(number: int) -> str:
    """`"1 study"`, `"12 studies"`."""
    return count(number, "study", "studies")


def question(candidates: int, number: int, settings: bool) -> str:
    """The question of the sweep; plain text.

    Args:
        candidates: Number of detectors, or of combinations of detector and setting.
        number: Number of studies.
        settings: Whether settings are compared too.
    """
    which = f"{candidates:,} combinations of detector and setting" if settings else count(candidates, "detector")
    return f"Which of {which} detects anomalies best over {studies(number)}, and does the difference matter?"


def winner(names: Sequence[str], found: Ranking) -> str:
    """Who wins, by how much, and whether that is more than chance and more than seed noise.

    Args:
        names: Of the detectors, in the order of the ranking.
        found: The ranking.
    """
    best = found.means[0]
    ends = f" ({interval(best)})" if "low" in best else ""
    value = f"a mean AUROC of {area(best['value'])}{ends} over {studies(found.studies)}"
    if len(names) == 1:
        return f"{_sentence(names[0])} has {value}."
    pair = found.pair(0, 1)
    opening = f"**{_sentence(names[0])} is best**" if pair.clear else "**No detector is clearly best.**"
    opening += f", with {value}." if pair.clear else f" {_sentence(names[0])} has the best mean rank, and {value}."
    difference = pair.difference
    digits = 3 if max(map(abs, difference.values())) >= 0.01 else 4
    low, high = (signed(difference.get(end, 0.0), digits) for end in ("low", "high"))
    ends = f" (95 % interval {low} to {high})" if "low" in difference else ""
    more = "more" if difference["value"] >= 0 else "less"
    text = (
        f"{opening} That is {abs(difference['value']):.{digits}f} {more}{ends} than {inside(names[1])}, the second. "
        f"{_verdict(found, names)}"
    )
    if pair.noise is not None:
        size = "smaller" if pair.within_noise else "larger"
        noise = f"{pair.noise:.{digits}f}"
        text += f" The mean difference is {size} than what another seed changes in it in one study ({noise})."
    return text


def _verdict(found: Ranking, names: Sequence[str]) -> str:
    pair, pairs = found.pair(0, 1), count(len(found.pairs), "pair")
    if pair.clear:
        text = f"The difference is clear ({p_value(pair.adjusted, 'p')}, adjusted for {pairs})."
        includes = pair.difference.get("low", 1.0) <= 0 <= pair.difference.get("high", 1.0)
        return text + " The test is one of ranks; the interval of the mean includes 0." * includes
    if found.studies < found.needed:
        return (
            f"The test cannot find a difference clear with {studies(found.studies)}: for {pairs} it needs at least "
            f"{found.needed}."
        )
    tied = [inside(name) for name in names[1 : next(last for first, last in found.groups if first == 0) + 1]]
    return (
        f"The difference is not clear ({p_value(pair.adjusted, 'p')}, adjusted for {pairs}): by this sweep "
        f"{listed(tied)} may be as good."
    )


def by_setting(
    setting: str,
    places: Sequence[float],
    means: Mapping[str, Sequence[Mapping[str, float]]],
    noises: Mapping[str, Sequence[float | None]],
) -> str:
    """How the mean AUROC of each detector depends on a setting, and from where on it is as good as it gets.

    Args:
        setting: Its name in words.
        places: Its values, rising.
        means: By detector, its mean AUROC at each value.
        noises: By detector, how much its AUROC varies with the seed alone at each value; None if not known.
    """
    sentences = []
    for name, own in means.items():
        values = [mean["value"] for mean in own]
        best = max(range(len(values)), key=values.__getitem__)
        text = (
            f"With {inside(name)} the mean AUROC goes from {area(values[0])} at {places[0]:g} to {area(values[-1])} at "
            f"{places[-1]:g}"
        )
        if best < len(values) - 1:
            text += f", and is highest at {places[best]:g} ({area(values[best])})"
        if (noise := noises[name][best]) is not None:
            near = next(place for place, value in zip(places, values, strict=True) if values[best] - value <= noise)
            if near != places[best]:
                text += f". At {near:g} it is already within seed noise ({noise:.3f}) of the highest"
        sentences.append(f"{text}.")
    return f"[Figure](#fig-setting) shows how the mean AUROC depends on “{setting}”. {' '.join(sentences)}"


def nothing(tasks: int, failures: int) -> str:
    """Why there is no winner."""
    return (
        f"**There is no ranking:** no study has a result of every detector. Of {count(tasks, 'task')} "
        f"{failures:,} failed."
    )


def boxes(names: Sequence[str], found: Ranking, worst: tuple[str, float], finished: int, tasks: int) -> tuple[Box, ...]:
    """The best mean, its worst study, and how much of the sweep is finished, as value boxes.

    Args:
        names: Of the detectors, in the order of the ranking.
        found: The ranking.
        worst: Name and AUROC of the study in which the best detector is worst.
        finished: Number of tasks with a result.
        tasks: Number of tasks.
    """
    return (
        Box(area(found.means[0]["value"]), f"mean AUROC of {names[0]}", f"over {studies(found.studies)}"),
        Box(area(worst[1]), f"its lowest AUROC in a study, {worst[0]}", "the mean over the seeds"),
        Box(percent(finished / tasks), "of the tasks finished", f"{finished:,} of {tasks:,}"),
    )


def warnings(found: Ranking, left_out: int, failures: int, alpha: float) -> Iterator[str]:
    """What limits the leaderboard, most serious first.

    Args:
        found: The ranking.
        left_out: Number of studies that lack the result of some detector.
        failures: Number of tasks that failed.
        alpha: The largest false positive rate that a threshold had to aim at, for want of calibration images; 0 if all
            could aim at that of the parameter set.
    """
    if failures:
        yield f"{_capital(count(failures, 'task'))} failed; [Table](#tab-failed) says why."
    if left_out:
        which = "is" if left_out == 1 else "are"
        yield f"{_capital(studies(left_out))} {which} not ranked, because a detector has no result there."
    if len(found.means) > 1:
        yield (
            "The best detector was found on the test images of these studies, so its AUROC on other images may be "
            "slightly lower."
        )
    if alpha:
        yield (
            "Some studies have so few calibration images that their threshold aims at a false positive rate of up to "
            f"{percent(alpha)}."
        )


def by_study(worst: Sequence[str], best: Sequence[str], name: str, median: float) -> str:
    """Where the best detector is worst and best.

    Args:
        worst: Studies with its lowest AUROC, the lowest first; Markdown.
        best: Studies with its highest, the highest first; Markdown.
        name: Of the detector.
        median: Of its AUROC over the studies.
    """
    return (
        f"{_sentence(name)} has a median AUROC of {area(median)} over the studies. It is worst in "
        f"{listed(worst)}. It is best in {listed(best)}."
    )


def in_common(images: Sequence[float], worst: int, correlation: float, p: float) -> str:
    """Whether the studies with the lowest values are those that are fitted on few images.

    Args:
        images: How many images each study is fitted on, the worst study first.
        worst: How many are the worst.
        correlation: Spearman's, of the AUROC and the number of images.
        p: Of that.
    """
    lowest, others = sum(images[:worst]) / worst, sum(images[worst:]) / (len(images) - worst)
    found = "rises" if correlation > 0 else "falls"
    verdict = f"{found} with" if p < LEVEL else "does not clearly depend on"
    return (
        f"The {worst} studies with the lowest AUROC are fitted on {lowest:.0f} images on average, the others on "
        f"{others:.0f}. Over all studies the AUROC {verdict} the number of images fitted on (Spearman's rank "
        f"correlation {signed(correlation, 2)}, {p_value(p, 'p')})."
    )


def _sentence(name: str) -> str:
    return _capital(inside(name))


def inside(name: str) -> str:
    """The name of a detector inside a sentence, Markdown."""
    return literal(in_words(name))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
