"""The page of the highest scores: no script, no network, and a policy that allows its own style and pictures only."""

import base64
import io
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from lib.core.cache import replacing
from lib.core.formatting import p_value, signed
from lib.evaluation.drift import Drift
from lib.evaluation.scoring import Scored, Scorer
from lib.presentation import explorer, plots
from lib.presentation.pages import environment, policy
from lib.presentation.scored import words
from lib.presentation.scored.cards import COLOURS, cards

FOLDER = Path(__file__).parent
LOOK = Path(explorer.__file__).parent / "explorer.css"  # of all pages that stand alone
_STOPS = 9  # colours of the legend of heat maps


def write_page(scorer: Scorer, scored: Scored, found: Drift, path: Path, fdr: float | None = None) -> None:
    """Write the page, whole or not at all. The same inputs give the same bytes."""
    text = scored_html(scorer, scored, found, fdr)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def scored_html(scorer: Scorer, scored: Scored, found: Drift, fdr: float | None = None) -> str:
    """Return the page.

    Args:
        scorer: The detector.
        scored: The images with their scores.
        found: How they differ from the calibration images.
        fdr: The false discovery rate of the list, None without a list.
    """
    saved, at = scorer.saved, float(scored.table["threshold"].iloc[0])
    params = saved.provenance["params"]
    style = look()
    names = ("Calibration", "calibration score", "calibration scores"), ("New", "new image", "new images")
    figure = plots.score_histogram(saved.calibration, scored.scores, at, names=names)
    shown = cards(scorer, scored)
    return (
        environment(FOLDER)
        .get_template("scored.html.j2")
        .render(
            style=style,
            policy=policy(style),
            study=params["study"],
            title=params["title"],
            detector=saved.provenance["label"],
            sentences=words.summary(scorer, scored, found, fdr),
            cards=shown,
            heat_maps=any(picture.words == "Heat map" for card in shown for picture in card.pictures),
            histogram=_svg(figure),
            alt=figure.get_label(),
            appearance=[_appearance(row) for row in found.appearance.to_dict("records")],
            images=len(scored.places),
            unreadable=words.unreadable(scored),
        )
    )


def _appearance(row: dict) -> dict[str, str]:
    """A row of the table of drift, as text."""
    shift = row["shift"]
    return {
        "quantity": {"size": "mean side, pixels"}.get(row["quantity"], row["quantity"]),
        "calibration": f"{row['calibration']:.3g}",
        "new": f"{row['new']:.3g}",
        "shift": signed(shift, 2) if np.isfinite(shift) else "–",
        "p_value": p_value(row["p_value"]),
        "changed": "yes" if row["changed"] else "no",
    }


def look() -> str:
    """The style sheet of a page with cards of pictures, and a legend of heat maps."""
    sheets = [path.read_text(encoding="utf-8") for path in (LOOK, FOLDER / "scored.css")]
    stops = ", ".join(to_hex(colormaps[COLOURS](place)) for place in np.linspace(0, 1, _STOPS))
    return "".join(sheets) + f".scale i {{ background: linear-gradient(to right, {stops}); }}\n"


def _svg(figure) -> str:
    """A figure as a data URL."""
    buffer = io.BytesIO()
    with plots.style():  # it fixes the ids in SVG files
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
