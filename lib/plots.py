"""Every figure: arrays in, a matplotlib Figure out, nothing shown and no state kept.

Figures are built on `matplotlib.figure.Figure`, never on pyplot, under the one style in `report.mplstyle`.
Text has the size it has on paper, where a figure takes at most the full 16 cm of the column. Normal is blue
with solid lines, an anomaly is vermilion with dashed lines or hatching, so that neither colour vision nor a
colour printer is needed. Titles belong to the caption on the page, so figures have none.

Images are uint8 in 0 to 255 or floats in 0 to 1, of shape (n, height, width, 3), (n, height, width, 1) or
(n, height, width); one channel is shown as grey. A function that shows images answers an empty array with a
one-line figure that says so, since "no missed anomaly" is a result and not an error.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

STYLE = Path(__file__).with_name("report.mplstyle")
WIDTH = 6.3  # inches: the text column of the page

NORMAL = "#0072B2"
ANOMALY = "#D55E00"
_NORMAL_TEXT = "#005A8C"  # the same hues, dark enough for small text
_ANOMALY_TEXT = "#A84600"
_INK = "#222222"
_FAINT = "#777777"
# Told apart by dashes as well as by hue (the palette of Okabe and Ito without its yellow).
_LINES = (
    ("#0072B2", "-", "o"),
    ("#D55E00", (0, (5, 1.6)), "s"),
    ("#009E73", (0, (5, 1.5, 1.2, 1.5)), "^"),
    ("#7A3E78", (0, (1.4, 1.2)), "D"),
    ("#B8860B", (0, (8, 1.5, 1.2, 1.5, 1.2, 1.5)), "v"),
    ("#56B4E9", (0, (3, 3)), "P"),
    ("#444444", (0, (10, 2)), "X"),
    ("#CC79A7", (0, (2, 1, 2, 3)), "*"),
)


def style() -> AbstractContextManager:
    """Give the context under which figures are drawn and should be saved (it fixes the ids in SVG files)."""
    return matplotlib.style.context(STYLE)


def _styled(function):
    """Run a plot function under the style, and lay its figure out before the style is gone."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs) -> Figure:
        with style():
            figure = function(*args, **kwargs)
            figure.draw_without_rendering()  # ticks are made while drawing and take the style of that moment
        return figure

    return wrapper


# ---------------------------------------------------------------- the data set


@_styled
def class_counts(names: Sequence[str], counts: Sequence[int], highlight: str | None = None, top: int = 10) -> Figure:
    """Draw the largest classes as bars, the normal one picked out.

    Args:
        names: Class names, k of them.
        counts: Images in each class, same order.
        highlight: The normal class. Where it is not among the largest, it joins them as one more bar.
        top: How many of the largest classes to show.

    Returns:
        Figure with one horizontal bar per class, the largest on top, its count at its end.

    Raises:
        ValueError: Lengths differ, there are no classes, or `highlight` is not among the names.
    """
    if len(names) != len(counts) or not len(names):
        raise ValueError(
            f"{len(names)} class names for {len(counts)} counts; give one count per class, and at least one"
        )
    if highlight is not None and highlight not in names:
        raise ValueError(f"normal class {highlight!r} is not among the {len(names)} classes")
    ranked = sorted(zip(counts, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    shown = ranked[:top] + [pair for pair in ranked[top:] if pair[1] == highlight]

    figure = Figure(figsize=(WIDTH, 0.55 + 0.255 * len(shown)))
    axes = figure.add_subplot()
    for place, (count, name) in enumerate(shown):
        normal = name == highlight
        axes.barh(
            place,
            count,
            height=0.72,
            facecolor=NORMAL if normal else "#F3D2BC",
            edgecolor=NORMAL if normal else ANOMALY,
            linewidth=0.8,
            hatch=None if normal else "////",
        )
        role = "  normal class" if normal else ""
        axes.annotate(
            f"{count:,}{role}",
            (count, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_NORMAL_TEXT if normal else _INK,
            fontweight="bold" if normal else "normal",
        )
    axes.set_yticks(range(len(shown)), [name for _, name in shown], parse_math=False)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(False)
    axes.set_xlim(0, max(max(counts), 1) * 1.22)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("Images")
    return figure


@_styled
def image_grid(
    images, titles: Sequence[str] | None = None, columns: int = 8, empty: str = "No image in this group."
) -> Figure:
    """Lay images out in rows, each with a short title above it.

    Args:
        images: n images (see the module).
        titles: One text per image, such as its class and score; line breaks are kept, long words shortened.
        columns: Images in a row.
        empty: What the figure says when there are no images.

    Returns:
        Figure with n pictures, or with the one line `empty`.

    Raises:
        ValueError: The number of titles is not the number of images, or the images have no known shape.
    """
    images = _pictures(images)
    if not len(images):
        return _note(empty)
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images; give one title per image")
    rows = math.ceil(len(images) / columns)
    across = min(columns, len(images))
    cell = _cell_width(columns)
    texts = [_fit(title, cell) for title in titles] if titles is not None else [""] * len(images)
    heads = [
        0.13 * max(text.count("\n") + bool(text) for text in texts[row * columns : (row + 1) * columns]) + 0.03
        for row in range(rows)
    ]
    figure, grid = _sheet(rows, across, cell, _aspect(images), heads)
    for place, (axes, image) in enumerate(zip(grid.flat, images, strict=False)):
        _picture(axes, image)
        if texts[place]:
            axes.set_title(texts[place], fontsize=_SMALL, pad=3, parse_math=False, linespacing=1.15)
    for axes in grid.flat[len(images) :]:
        axes.remove()
    return figure


# ---------------------------------------------------------------- training


@_styled
def loss_curve(
    history: Mapping[str, Sequence[float]], ylabel: str = "Loss (mean squared error)", log: bool = False
) -> Figure:
    """Draw loss by epoch.

    Args:
        history: One or several named curves, a value per epoch each.
        ylabel: What the loss is.
        log: Whether the loss axis is logarithmic.

    Returns:
        Figure with one line per curve; a single curve ends in its last value, several have a legend.

    Raises:
        ValueError: There is no curve, or one has no epochs.
    """
    _need_curves(history)
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_subplot()
    _epochs(axes, history, log)
    axes.set_ylabel(ylabel)
    if len(history) > 1:
        axes.legend()
    else:
        (values,) = history.values()
        axes.annotate(
            f"{values[-1]:.4g}",
            (len(values), values[-1]),
            xytext=(0, 7),
            textcoords="offset points",
            ha="right",
        )
    return figure


@_styled
def loss_terms(history: Mapping) -> Figure:
    """Draw the terms of a VAE's loss against each other, on a logarithmic scale.

    Args:
        history: Terms by name (`{"reconstruction": [...], "KL": [...]}`), a value per epoch each, or such a
            dict by model name, which gives one panel per model on a common scale. Values of zero or less,
            which a logarithmic scale cannot show, leave a gap.

    Returns:
        Figure with one panel per model and one line per term.

    Raises:
        ValueError: There is no term, or one has no epochs.
    """
    models = history if all(isinstance(terms, Mapping) for terms in history.values()) and history else {"": history}
    for terms in models.values():
        _need_curves(terms)
    figure = Figure(figsize=(WIDTH, 2.9))
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, (name, terms) in zip(panels, models.items(), strict=True):
        _epochs(axes, terms, log=True)
        axes.set_title(name, loc="left", fontweight="bold", parse_math=False)
    panels[0].set_ylabel("Term of the loss (log scale)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


@_styled
def reconstruction_pairs(originals, reconstructions, n: int = 8, empty: str = "No image in this group.") -> Figure:
    """Show the first n originals above their reconstructions.

    Args:
        originals: m images (see the module).
        reconstructions: What the detector made of them, same order and size.
        n: How many pairs at most; fewer images give fewer pairs.
        empty: What the figure says when there are no images.

    Returns:
        Figure with two rows of pictures.

    Raises:
        ValueError: The two arrays differ in length, or the images have no known shape.
    """
    originals, reconstructions = _pairs(originals, reconstructions)
    if not len(originals):
        return _note(empty)
    across = min(n, len(originals))
    figure, grid = _sheet(2, across, _cell_width(n, _LABEL), _aspect(originals), [0.03, 0.06], left=_LABEL)
    for column in range(across):
        _picture(grid[0, column], originals[column])
        _picture(grid[1, column], reconstructions[column])
    _row_labels(grid, "Original", "Reconstr.")
    return figure


# ---------------------------------------------------------------- scores


@_styled
def extremes(
    originals, reconstructions, scores, flagged, each: int = 4, empty: str = "No image in this group."
) -> Figure:
    """Show the images with the lowest and the highest scores, with reconstruction, score and verdict.

    Args:
        originals: m images (see the module): all of a group, or only those to show.
        reconstructions: What the detector made of them, same order and size.
        scores: Anomaly scores, shape (m,).
        flagged: Whether each is judged an anomaly, shape (m,).
        each: How many from either end. With fewer than twice as many images all are shown, none twice.
        empty: What the figure says when there are no images.

    Returns:
        Figure with two rows of pictures, scores rising from left to right. The verdict stands above each
        column in words and colour, and an anomaly's frame is solid while a normal image's is dashed.

    Raises:
        ValueError: Lengths differ, or the images have no known shape.
    """
    originals, reconstructions = _pairs(originals, reconstructions)
    scores, flagged = np.asarray(scores, dtype=float), np.asarray(flagged, dtype=bool)
    if not len(originals) == len(scores) == len(flagged):
        raise ValueError(f"{len(originals)} images, {len(scores)} scores and {len(flagged)} verdicts; give one of each")
    if not len(originals):
        return _note(empty)
    order = np.argsort(scores, kind="stable")
    low = order[: min(each, math.ceil(len(order) / 2))]
    high = order[len(low) :][-each:]
    gap = 0.16 if len(high) else 0.0
    figure, grid = _sheet(
        2,
        len(low) + len(high),
        _cell_width(2 * each, _LABEL + gap),
        _aspect(originals),
        [0.52, 0.06],
        left=_LABEL,
        split=(len(low), gap),
    )
    for column, index in enumerate([*low, *high]):
        anomaly = bool(flagged[index])
        for axes, image in ((grid[0, column], originals[index]), (grid[1, column], reconstructions[index])):
            _picture(axes, image)
            for spine in axes.spines.values():
                spine.set(
                    color=ANOMALY if anomaly else NORMAL,
                    linewidth=1.5,
                    linestyle="-" if anomaly else (0, (3, 2)),
                )
        _above(grid[0, column], 14, _score(scores[index]), fontsize=_SMALL + 0.5)
        _above(
            grid[0, column],
            4,
            "anomaly" if anomaly else "normal",
            fontsize=_SMALL + 0.5,
            fontweight="bold",
            color=_ANOMALY_TEXT if anomaly else _NORMAL_TEXT,
        )
    for text, column in (("Lowest scores", 0), ("Highest scores", len(low))):
        if column < grid.shape[1]:
            grid[0, column].annotate(
                text, (0, 1), xytext=(0, 27), xycoords="axes fraction", textcoords="offset points", fontsize=8
            )
    _row_labels(grid, "Original", "Reconstr.")
    return figure


@_styled
def score_histogram(normal_scores, anomaly_scores, threshold: float | None = None, log: bool | None = None) -> Figure:
    """Draw how the scores of normal images and of anomalies are spread, each as a share of its own class.

    Args:
        normal_scores: Scores of normal images, shape (m,); may be empty.
        anomaly_scores: Scores of anomalies, shape (n,); may be empty, but not both.
        threshold: The line; the legend then says which share of either class lies strictly above it.
        log: Whether the score axis is logarithmic; by default it is where all scores are above zero and
            spread over more than a factor of 20.

    Returns:
        Figure with two overlaid histograms of the same bins.

    Raises:
        ValueError: There are no scores, one is not finite, or `log` is asked for with scores of zero or less.
    """
    groups = [np.asarray(scores, dtype=float) for scores in (normal_scores, anomaly_scores)]
    pooled = np.concatenate(groups)
    if not pooled.size or not np.isfinite(pooled).all():
        raise ValueError("score histogram: needs at least one score, and every score finite")
    low, high = float(pooled.min()), float(pooled.max())
    if log and low <= 0:
        raise ValueError(f"score histogram: a logarithmic axis cannot show the lowest score, {low:g}")
    if log is None:
        log = low > 0 and high > 20 * low
    if threshold is not None and (threshold > 0 or not log):
        low, high = min(low, threshold), max(high, threshold)
    if low == high:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    edges = np.geomspace(low, high, 51) if log else np.linspace(low, high, 51)
    edges[0], edges[-1] = low, high  # geomspace may round inwards and lose the extremes

    figure = Figure(figsize=(WIDTH, 3.0))
    axes = figure.add_subplot()
    for scores, name, colour, line, hatch in (
        (groups[0], "Normal", NORMAL, "-", None),
        (groups[1], "Anomaly", ANOMALY, (0, (4, 1.5)), "/////"),
    ):
        if not scores.size:
            continue
        shares = np.histogram(scores, edges)[0] / scores.size
        above = "" if threshold is None else f", {(scores > threshold).mean():.1%} above the threshold"
        axes.stairs(shares, edges, fill=True, facecolor=colour, alpha=0.22, linewidth=0)
        axes.stairs(
            shares,
            edges,
            edgecolor=colour,
            facecolor="none",
            fill=hatch is not None,
            hatch=hatch,
            linestyle=line,
            linewidth=1.5,
            label=f"{name} (n = {scores.size:,}{above})",
        )
    if log:
        axes.set_xscale("log")
        _plain_log_ticks(axes.xaxis)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom=0)
    if threshold is not None:
        axes.axvline(threshold, color=_INK, linewidth=1.3, linestyle=(0, (1, 1)), label=f"Threshold {threshold:g}")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.set_ylabel("Share of its class in a bin")
    axes.set_xlabel("Anomaly score" + (" (log scale)" if log else ""))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=1)
    return figure


@_styled
def difference_maps(originals, reconstructions, scores, n: int = 5, empty: str = "No image in this group.") -> Figure:
    """Show where images and their reconstructions differ.

    Args:
        originals: m images (see the module); the first n are shown.
        reconstructions: What the detector made of them, same order and size.
        scores: Anomaly scores, shape (m,), written above the originals.
        n: How many images at most.
        empty: What the figure says when there are no images.

    Returns:
        Figure with three rows: original, reconstruction, and the absolute difference averaged over the
        channels (0 to 1), all maps on one colour scale with its bar.

    Raises:
        ValueError: Lengths differ, or the images have no known shape.
    """
    originals, reconstructions = _pairs(originals, reconstructions)
    if len(scores) != len(originals):
        raise ValueError(f"{len(scores)} scores for {len(originals)} images; give one score per image")
    if not len(originals):
        return _note(empty)
    across = min(n, len(originals))
    maps = np.abs(_unit(originals[:across]) - _unit(reconstructions[:across]))
    maps = maps.mean(axis=-1) if maps.ndim == 4 else maps
    bar = 0.62
    figure, grid = _sheet(
        3, across, _cell_width(n, _LABEL + bar), _aspect(originals), [0.2, 0.06, 0.06], left=_LABEL, right=bar
    )
    for column in range(across):
        _picture(grid[0, column], originals[column])
        _above(grid[0, column], 4, f"score {_score(scores[column])}", fontsize=_SMALL + 0.5)
        _picture(grid[1, column], reconstructions[column])
        shown = grid[2, column].imshow(maps[column], cmap="inferno", vmin=0, vmax=max(float(maps.max()), 1e-6))
        _frame(grid[2, column])
    box = grid[2, -1].get_position()
    inch = 1 / figure.get_figwidth()
    scale = figure.add_axes((box.x1 + 0.09 * inch, box.y0, 0.1 * inch, box.height))
    figure.colorbar(shown, cax=scale)
    scale.grid(False)
    scale.tick_params(labelsize=_SMALL, length=2)
    scale.yaxis.set_major_locator(MaxNLocator(4))
    _row_labels(grid, "Original", "Reconstr.", "Difference")
    return figure


# ---------------------------------------------------------------- evaluation


@_styled
def roc_curves(curves: Mapping[str, tuple], marks: Mapping[str, tuple] | None = None) -> Figure:
    """Draw ROC curves together, with the diagonal of chance.

    Args:
        curves: By detector name `(fpr, tpr, auroc)`: two arrays from 0 to 1 and the area, a number or a dict
            with `value` and perhaps `low` and `high`.
        marks: By detector name `(fpr, tpr, label)`, the decision at a threshold, or a list of such; marks
            that all have the same label are named once in the legend.

    Returns:
        Figure with square axes and a legend that holds the areas.

    Raises:
        ValueError: There is no curve, or a mark belongs to none.
    """
    _need_curves(curves, "ROC curve")
    figure, axes = _square("False positive rate (normal images flagged)", "True positive rate (anomalies flagged)")
    axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (1, 2)), label="Chance\nAUROC 0.500")
    for (colour, line, _), (name, (fpr, tpr, area)) in zip(_cycle(curves), curves.items(), strict=True):
        axes.plot(fpr, tpr, color=colour, linestyle=line, label=f"{name}\nAUROC {_area(area)}")
    axes.set_ylim(0, 1.005)
    _marks(axes, curves, marks)
    _legend_beside(figure, axes, chance_last=True)
    return figure


@_styled
def pr_curves(curves: Mapping[str, tuple], prevalence: float, marks: Mapping[str, tuple] | None = None) -> Figure:
    """Draw precision-recall curves together, with the line of chance, which is the prevalence.

    Args:
        curves: By detector name `(recall, precision, aupr)`: two arrays, recall rising, and the average
            precision, a number or a dict with `value` and perhaps `low` and `high`.
        prevalence: Share of anomalies among the images: the precision of flagging at random, or everything.
        marks: By detector name `(recall, precision, label)`, as for [`roc_curves`][lib.plots.roc_curves].

    Returns:
        Figure with a legend that holds the average precisions. Where all curves stay high, as they do when
        most images are anomalies, the precision axis starts above 0 and its label says where.

    Raises:
        ValueError: There is no curve, or a mark belongs to none.
    """
    _need_curves(curves, "precision-recall curve")
    least = min([prevalence, *(float(np.min(precision)) for _, precision, _ in curves.values())])
    start = max(0.0, math.floor((least - 0.02) * 20) / 20) if least > 0.5 else 0.0
    figure, axes = _square(
        "Recall (anomalies flagged)", "Precision" + (f" (axis starts at {start:.2f})" if start else "")
    )
    axes.axhline(prevalence, color=_FAINT, linewidth=1, linestyle=(0, (1, 2)), label=f"Chance\nAUPR {prevalence:.3f}")
    for (colour, line, _), (name, (recall, precision, area)) in zip(_cycle(curves), curves.items(), strict=True):
        axes.step(
            [0, *recall], [precision[0], *precision], where="pre", color=colour, linestyle=line,
            label=f"{name}\nAUPR {_area(area)}",
        )  # fmt: skip
    axes.set_ylim(start, 1 + 0.005 * (1 - start))
    _marks(axes, curves, marks)
    _legend_beside(figure, axes, chance_last=True)
    return figure


@_styled
def confusion(tp: int, fp: int, tn: int, fn: int) -> Figure:
    """Draw the confusion matrix: counts, and below each its share of the row.

    Args:
        tp: Anomalies that were flagged.
        fp: Normal images that were flagged.
        tn: Normal images that passed.
        fn: Anomalies that passed.

    Returns:
        Figure with truth in rows and verdict in columns, shaded by the share of the row. A row without images
        shows counts of 0 and no share.
    """
    counts = np.array([[tn, fp], [fn, tp]])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    names = (("True negatives", "False positives"), ("False negatives", "True positives"))

    figure = Figure(figsize=(4.3, 2.5))
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for row in range(2):
        for column in range(2):
            colour = "white" if shares[row, column] > 0.6 else _INK
            share = f"{shares[row, column]:.1%} of the row" if totals[row, 0] else "no images"
            for up, text, size in (
                (13, names[row][column], 8),
                (0, f"{counts[row, column]:,}", 12),
                (-14, share, 8),
            ):
                axes.annotate(
                    text, (column, row), xytext=(0, up), textcoords="offset points", ha="center", va="center",
                    color=colour, fontsize=size, fontweight="bold" if up == 0 else "normal",
                )  # fmt: skip
    axes.set_xticks([0, 1], ["judged normal", "judged anomaly"])
    axes.set_yticks([0, 1], ["normal", "anomaly"])
    axes.set_ylabel("Truth")
    axes.set_xlabel("Verdict")
    axes.tick_params(length=0)
    axes.grid(False)
    axes.axhline(0.5, color="white", linewidth=2)
    axes.axvline(0.5, color="white", linewidth=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


@_styled
def threshold_sweep(thresholds, miss_rate, false_alarm_rate, chosen: float | None = None) -> Figure:
    """Draw what moving the threshold trades: misses against false alarms.

    Args:
        thresholds: Shape (k,), rising; up to 15 are drawn with markers.
        miss_rate: Share of anomalies that pass, shape (k,).
        false_alarm_rate: Share of normal images that are flagged, shape (k,).
        chosen: The threshold in use, drawn as a vertical line.

    Returns:
        Figure with the two rates over the threshold.

    Raises:
        ValueError: Lengths differ, or there are no thresholds.
    """
    _need_same_length(thresholds, miss_rate, false_alarm_rate)
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_subplot()
    few = len(thresholds) <= 15
    axes.plot(
        thresholds, miss_rate, color=ANOMALY, linestyle=(0, (5, 1.6)), marker="s" if few else None,
        label="Anomalies missed",
    )  # fmt: skip
    axes.plot(thresholds, false_alarm_rate, color=NORMAL, marker="o" if few else None, label="Normal images flagged")
    _chosen(axes, chosen)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("Threshold on the anomaly score")
    axes.set_ylabel("Share of the class")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@_styled
def expected_cost(thresholds, costs: Mapping[str, Sequence[float]], chosen: float | None = None) -> Figure:
    """Draw what decisions cost over the threshold, for several prices of a miss.

    Args:
        thresholds: Shape (k,), rising.
        costs: By ratio, such as `"10 : 1"`, the relative cost at each threshold, shape (k,): what
            `lib.metrics.relative_cost` returns, where 1 is the cost of deciding without looking.
        chosen: The threshold in use, drawn as a vertical line.

    Returns:
        Figure with one line per ratio on a logarithmic axis, a marker at the cheapest threshold of each.

    Raises:
        ValueError: Lengths differ, or there is no curve.
    """
    _need_curves(costs, "cost curve")
    _need_same_length(thresholds, *costs.values())
    figure = Figure(figsize=(WIDTH, 3.2))
    axes = figure.add_subplot()
    axes.axhline(1, color=_FAINT, linewidth=1, label="Deciding without looking")
    for (colour, line, marker), (ratio, values) in zip(_cycle(costs), costs.items(), strict=True):
        values = np.asarray(values, dtype=float)
        best = int(np.argmin(values))
        label = f"{ratio}, cheapest at {thresholds[best]:.3g}"
        axes.plot(thresholds, values, color=colour, linestyle=line, label=label)
        axes.plot(
            thresholds[best],
            values[best],
            marker=marker,
            color=colour,
            markersize=8,
            markeredgecolor="white",
            zorder=5,
        )
    _chosen(axes, chosen)
    axes.set_yscale("log")
    _plain_log_ticks(axes.yaxis)
    axes.set_xlabel("Threshold on the anomaly score")
    axes.set_ylabel("Expected cost (log scale)")
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside right upper",
        title="Miss : false alarm",
        alignment="left",
    )
    return figure


# ---------------------------------------------------------------- what fools it


@_styled
def attribute_shift(
    names: Sequence[str],
    values,
    lows,
    highs,
    reference: float = 0.5,
    xlabel: str = "Probability that an image of the group has the higher value",
) -> Figure:
    """Draw a value with its interval for each of several names, around a reference: a forest plot.

    Args:
        names: What was measured, in plain words, k of them; the first is on top.
        values: Shape (k,).
        lows: Lower ends of the 95 % intervals, shape (k,).
        highs: Upper ends, shape (k,).
        reference: The value of no difference, drawn as a vertical line.
        xlabel: What the values are.

    Returns:
        Figure with one row per name: a filled marker where the interval leaves out the reference, a hollow
        one where it does not, and the numbers beside it.

    Raises:
        ValueError: Lengths differ, or there are no names.
    """
    _need_same_length(names, values, lows, highs)
    figure = Figure(figsize=(WIDTH, 0.65 + 0.27 * len(names)))
    axes = figure.add_subplot()
    axes.axvline(reference, color=_FAINT, linewidth=1)
    for place, (value, low, high) in enumerate(zip(values, lows, highs, strict=True)):
        clear = low > reference or high < reference
        axes.plot([low, high], [place, place], color=_INK, linewidth=1.4, solid_capstyle="butt")
        axes.plot(value, place, marker="o", markersize=6, color=_INK, markerfacecolor=_INK if clear else "white")
        axes.annotate(
            f"{value:.2f} [{low:.2f}, {high:.2f}]", (1, place), xycoords=("axes fraction", "data"),
            xytext=(6, 0), textcoords="offset points", va="center", fontsize=8,
            fontweight="bold" if clear else "normal",
            annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), list(names), parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(xlabel)
    return figure


# ---------------------------------------------------------------- pictures on a sheet

_SMALL = 7.0  # points: text above a picture
_LABEL = 0.2  # inches: the column of row labels
_GAP = 0.06  # inches: between pictures


def _pictures(images) -> np.ndarray:
    """Return images as an array, or say which shape was expected."""
    images = np.asarray(images)
    if images.shape[:1] == (0,):
        return images
    if images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in (1, 3)):
        return images
    raise ValueError(f"images of shape {images.shape}; expected (n, height, width) with 1, 3 or no channels at the end")


def _pairs(originals, reconstructions) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays of images, or say that one lacks partners."""
    originals, reconstructions = _pictures(originals), _pictures(reconstructions)
    if len(originals) != len(reconstructions):
        raise ValueError(f"{len(originals)} originals for {len(reconstructions)} reconstructions; give one each")
    return originals, reconstructions


def _unit(images: np.ndarray) -> np.ndarray:
    """Pixels as floats in 0 to 1."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255
    return np.clip(images.astype(np.float32), 0, 1)


def _aspect(images: np.ndarray) -> float:
    """Height over width."""
    return images.shape[1] / images.shape[2]


def _cell_width(columns: int, taken: float = 0.0) -> float:
    """Inches for one picture when so many share the page's width, but no more than 1.3."""
    return min((WIDTH - taken - _GAP * columns) / columns, 1.3)


def _sheet(
    rows: int,
    columns: int,
    width: float,
    aspect: float,
    heads: Sequence[float],
    left: float = 0.0,
    right: float = 0.0,
    split: tuple[int, float] = (0, 0.0),
) -> tuple[Figure, np.ndarray]:
    """Place axes for pictures to the point, where a layout engine would only come close.

    Args:
        rows: Rows of pictures.
        columns: Columns of pictures.
        width: Width of a picture, inches.
        aspect: Its height over its width.
        heads: Space above each row, inches.
        left: Space left of all pictures, inches.
        right: Space right of all pictures, inches.
        split: A column and the extra space before it, inches.
    """
    height = width * aspect
    across = left + columns * (width + _GAP) + right + split[1]
    down = sum(heads) + rows * height + 0.03
    figure = Figure(figsize=(across, down), layout="none")
    grid = np.empty((rows, columns), dtype=object)
    top = down
    for row in range(rows):
        top -= heads[row]
        for column in range(columns):
            x = left + _GAP / 2 + column * (width + _GAP) + (split[1] if split[1] and column >= split[0] else 0)
            grid[row, column] = figure.add_axes(
                (x / across, (top - height) / down, width / across, height / down), aspect="auto"
            )
        top -= height
    return figure, grid


def _picture(axes: Axes, image: np.ndarray) -> None:
    """Show one image without ticks, grey where it has one channel."""
    image = _unit(image)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, aspect="auto")
    _frame(axes)


def _frame(axes: Axes) -> None:
    """Give a picture a hairline, for white images on white paper."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#AAAAAA", linewidth=0.5)


def _above(axes: Axes, points: float, text: str, **kwargs) -> None:
    """Write a line of text so many points above a picture."""
    axes.annotate(
        text, (0.5, 1), xytext=(0, points), xycoords="axes fraction", textcoords="offset points", ha="center",
        parse_math=False, **kwargs,
    )  # fmt: skip


def _row_labels(grid: np.ndarray, *labels: str) -> None:
    """Write what each row of pictures is, along its left side."""
    for axes, label in zip(grid[:, 0], labels, strict=True):
        axes.annotate(
            label, (0, 0.5), xytext=(-4, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, ha="right", va="center", fontsize=8,
        )  # fmt: skip


def _note(text: str) -> Figure:
    """A figure that only says why there is nothing to see."""
    figure = Figure(figsize=(WIDTH, 0.5), layout="none")
    figure.text(0.5, 0.5, text, ha="center", va="center", style="italic", color=_FAINT)
    return figure


def _score(value: float) -> str:
    """A score, short enough for a picture's width."""
    return f"{value:.4f}" if 0.001 <= abs(value) < 100 else f"{value:.3g}"


def _fit(text: str, inches: float, lines: int = 2) -> str:
    """Break text at spaces and underscores to a width, ending in an ellipsis what needs more lines."""
    font = FontProperties(family="DejaVu Sans", size=_SMALL)

    def fits(piece: str) -> bool:
        return text_to_path.get_text_width_height_descent(piece, font, ismath=False)[0] <= inches * 72

    def shortened(piece: str) -> str:
        while not fits(piece + "…") and piece:
            piece = piece[:-1]
        return piece + "…"

    fitted = []
    for paragraph in text.split("\n"):
        rows = [""]
        for word in paragraph.replace("_", "_ ").split(" "):
            joined = rows[-1] + ("" if rows[-1].endswith("_") or not rows[-1] else " ") + word
            if fits(joined) or not rows[-1]:
                rows[-1] = joined
            else:
                rows.append(word)
        if len(rows) > lines:
            rows = [*rows[: lines - 1], shortened(rows[lines - 1] + rows[lines])]
        fitted += [row if fits(row) else shortened(row) for row in rows]
    return "\n".join(fitted)


# ---------------------------------------------------------------- lines on axes


def _cycle(curves: Mapping):
    """One colour, dash pattern and marker per curve."""
    return [_LINES[place % len(_LINES)] for place in range(len(curves))]


def _need_curves(curves: Mapping, what: str = "curve") -> None:
    """Refuse nothing at all, and curves without points."""
    if not curves:
        raise ValueError(f"no {what} to draw; give at least one by name")
    for name, values in curves.items():
        if not len(values):
            raise ValueError(f"{what} {name!r} has no points")


def _need_same_length(*columns) -> None:
    """Refuse columns that do not belong together."""
    lengths = [len(column) for column in columns]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"columns of {lengths} values; give as many of each, and at least one")


def _epochs(axes: Axes, curves: Mapping[str, Sequence[float]], log: bool) -> None:
    """Draw named curves over epochs that count from 1."""
    for (colour, line, marker), (name, values) in zip(_cycle(curves), curves.items(), strict=True):
        values = np.asarray(values, dtype=float)
        if log:
            values = np.where(values > 0, values, np.nan)
        axes.plot(
            np.arange(1, len(values) + 1), values, color=colour, linestyle=line, label=name,
            marker=marker if len(values) <= 30 else None, markersize=4,
        )  # fmt: skip
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Epoch")


def _square(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """Square axes from 0 to 1 that leave room for a legend on the right."""
    figure = Figure(figsize=(WIDTH, 3.9))
    axes = figure.add_subplot(box_aspect=1)
    axes.grid(axis="both")
    axes.set_xlim(-0.005, 1.005)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return figure, axes


def _legend_beside(figure: Figure, axes: Axes, chance_last: bool = False) -> None:
    """Put the legend right of the axes, where it covers no curve."""
    handles, labels = axes.get_legend_handles_labels()
    if chance_last:
        handles, labels = handles[1:] + handles[:1], labels[1:] + labels[:1]
    figure.legend(handles, labels, loc="outside right upper", labelspacing=0.9)


def _area(area) -> str:
    """An area, with its interval where it has one."""
    if not isinstance(area, Mapping):
        return f"{area:.3f}"
    if area.get("low") is None or area.get("high") is None:
        return f"{area['value']:.3f}"
    return f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]"


def _marks(axes: Axes, curves: Mapping, marks: Mapping[str, tuple] | None) -> None:
    """Mark points on curves, labelled where they stand, or once in the legend if all share one label."""
    if not marks:
        return
    unknown = [name for name in marks if name not in curves]
    if unknown:
        raise ValueError(f"mark {unknown[0]!r} belongs to none of the curves: {', '.join(curves)}")
    points = [
        (name, *point)
        for name, given in marks.items()
        for point in (given if isinstance(given[0], Sequence) and not isinstance(given[0], str) else [given])
    ]
    looks = dict(zip(curves, _cycle(curves), strict=True))
    labels = {label for *_, label in points}
    for name, x, y, label in points:
        colour, _, marker = looks[name]
        axes.plot(x, y, marker=marker, color=colour, markersize=8, markeredgecolor="white", zorder=5, clip_on=False)
        if len(labels) > 1:
            right = x > 0.8
            axes.annotate(
                label, (x, y), xytext=(-8 if right else 8, -11), textcoords="offset points",
                ha="right" if right else "left", fontsize=8, parse_math=False,
            )  # fmt: skip
    if len(labels) == 1:
        axes.add_line(
            Line2D(
                [],
                [],
                linestyle="none",
                marker="o",
                color=_FAINT,
                markersize=7,
                label=labels.pop() or "Decision",
            )
        )


def _chosen(axes: Axes, threshold: float | None) -> None:
    """Draw the threshold in use."""
    if threshold is not None:
        axes.axvline(threshold, color=_INK, linewidth=1.3, linestyle=(0, (1, 1)), label=f"In use: {threshold:g}")


def _plain_log_ticks(axis) -> None:
    """Write 0.01 rather than a power of ten, and between the powers 2 and 5 where there is room."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    decades = math.log10(high / low) if low > 0 else 0
    if decades < 2.5:

        def some(value: float, _) -> str:
            return f"{value:g}" if round(value / 10 ** math.floor(math.log10(value) + 1e-9)) in (2, 5) else ""

        axis.set_minor_formatter(FuncFormatter(some))
    else:
        axis.set_minor_formatter(NullFormatter())
