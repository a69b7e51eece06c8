"""Figures of a study's own images: by index in, a Figure out."""

import numpy as np
from matplotlib.figure import Figure

from lib.core.characters import readable
from lib.evaluation.thresholds import decide
from lib.presentation import plots
from lib.study import MAPS, SAMPLES, Run, Study, extremes, highest_scoring, lowest_scoring

SHOWN = 16  # images in a grid


def grid(study: Study, indices: np.ndarray, scores: np.ndarray | None = None, classes: bool = True) -> Figure:
    """Images in rows, with class names and, where given, scores (float64 (N,), of every image) above them."""
    titles = [
        "\n".join(
            [
                *([readable(str(study.class_names[index]))] if classes else []),
                *([f"{scores[index]:.4f}"] if scores is not None else []),
            ]
        )
        for index in indices
    ]
    return plots.image_grid(study.pixels(indices), titles if any(titles) else None)


def lowest(scores: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Indices of the `SHOWN` lowest scores of a group."""
    return group[lowest_scoring(scores[group], SHOWN)]


def highest(scores: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Indices of the `SHOWN` highest scores of a group."""
    return group[highest_scoring(scores[group], SHOWN)]


def sample(study: Study, group: np.ndarray, seed: int) -> np.ndarray:
    """`SHOWN` images of a group at random, without replacement; all of them where there are fewer."""
    return np.random.default_rng(seed).choice(group, min(SHOWN, len(group)), replace=False)


def reconstructions(study: Study, run: Run, name: str) -> Figure:
    """The first images fitted on, above their reconstructions by a detector."""
    first = study.split.fit[:SAMPLES]
    return plots.reconstruction_pairs(study.pixels(first), run.examples(name, first))


def extreme_scores(study: Study, run: Run, name: str, group: np.ndarray, threshold: float) -> Figure:
    """The images of a group with the lowest and the highest scores, with reconstructions and decisions."""
    scores = run.scores_of(name)
    indices = extremes(scores, group)
    flagged = decide(scores[indices], threshold)
    return plots.extremes(study.pixels(indices), run.examples(name, indices), scores[indices], flagged)


def difference_maps(study: Study, run: Run, name: str) -> Figure:
    """The anomalies with the highest scores: where image and reconstruction differ."""
    scores = run.scores_of(name)
    top = study.anomalies[highest_scoring(scores[study.anomalies], MAPS)]
    return plots.difference_maps(study.pixels(top), run.examples(name, top), scores[top])


def by_class(study: Study, group: np.ndarray, classes: list[str], scores: np.ndarray) -> Figure:
    """The first four images of a group in each of some classes, with their scores."""
    picks = [group[study.class_names[group] == name][:4] for name in classes]
    return grid(study, np.concatenate(picks).astype(int) if picks else group[:0], scores)
