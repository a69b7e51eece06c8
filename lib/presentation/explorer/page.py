"""The page of the threshold explorer: data, one script without a library, and a policy that allows nothing else."""

import base64
import html
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display

from lib.core.cache import replacing
from lib.core.formatting import percent
from lib.evaluation import metrics
from lib.presentation import show
from lib.presentation.explorer.data import explorer_data
from lib.presentation.pages import digest, environment
from lib.study import Run, Study

FOLDER = Path(__file__).parent
HEIGHT = 1100  # pixels, in JupyterLab


def write_explorer(study: Study, run: Run, folder: Path, generated: str) -> Path:
    """Write `explorer.html`. The same inputs give the same bytes.

    Args:
        study: the study.
        run: what was fitted, with its scores.
        folder: of the report; the page links to `index.html` and to the chapter with the tables in it.
        generated: the date in the foot of the page.

    Returns:
        The file written.
    """
    path = Path(folder) / "explorer.html"
    with replacing(path) as temporary:
        temporary.write_text(explorer_html(study, run, generated), encoding="utf-8")
    return path


def show_explorer(study: Study, run: Run) -> None:
    """Show the explorer in JupyterLab; a report, which has a page of its own for it, leaves the section out."""
    if os.environ.get("ANOMALY_RUN_FOLDER"):
        show.nothing("the report has a page of its own for it, `explorer.html`")
        return
    page = html.escape(explorer_html(study, run, linked=False))
    # The sandbox gives the page an origin of its own, so that it cannot reach JupyterLab.
    frame = f'<iframe sandbox="allow-scripts" srcdoc="{page}" title="Threshold explorer" width="100%"'
    bundle = {"text/plain": "Threshold explorer", "text/html": f'{frame} height="{HEIGHT}" frameborder="0"></iframe>'}
    display(bundle, metadata={"report": {"kind": "lab"}}, raw=True)


def explorer_html(study: Study, run: Run, generated: str = "", linked: bool = True) -> str:
    """Return the page.

    Args:
        study: the study.
        run: what was fitted, with its scores.
        generated: the date in the foot of the page; may be empty.
        linked: whether the page stands in the folder of a report, whose pages it may link to.
    """
    return page_of(explorer_data(study, run), generated, linked)


def page_of(data: Mapping[str, Any], generated: str = "", linked: bool = True) -> str:
    """Return the page of what `explorer_data` returned."""
    script, style = ((FOLDER / name).read_text(encoding="utf-8") for name in ("explorer.mjs", "explorer.css"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    groups: dict[str, list[tuple[int, str]]] = {}
    for place, detector in enumerate(data["detectors"]):
        groups.setdefault(detector["fitted"], []).append((place, _name(detector)))
    template = environment(FOLDER).get_template("explorer.html.j2")
    return template.render(
        data=data,
        groups=groups,
        rows=[_row(detector, data["prevalence"]) for detector in data["detectors"]],
        few=max(len(detector["normal"] + detector["anomalies"]) for detector in data["detectors"])
        > len(data["pictures"]),
        packed=_packed(data),
        script=script,
        style=style,
        policy=policy,
        generated=generated,
        linked=linked,
    )


def _name(detector: Mapping[str, Any]) -> str:
    return detector["name"] + (" (recommended)" if detector["recommended"] else "")


def _number(threshold: float) -> str:
    return np.format_float_positional(threshold, precision=4, fractional=False, trim="-").replace("-", "−")


def _about(detector: Mapping[str, Any]) -> str:
    at, rule = _number(detector["threshold"]), detector["rule"]
    how = "from the parameter file" if rule == "fixed" else f"by the rule {rule} from {detector['saw']}"
    return f"Evaluated on {detector['judged']}. Threshold of the report: {at}, {how}."


def _row(detector: Mapping[str, Any], prevalence: float) -> dict[str, str]:
    """The figures of a detector at its recorded threshold, for the table that needs no script."""
    scores = np.array(detector["normal"] + detector["anomalies"])
    labels = np.arange(len(scores)) >= len(detector["normal"])
    at = metrics.at_threshold(labels, scores, detector["threshold"])
    in_use = metrics.operations(1 - at["recall"]["value"], at["fpr"]["value"], prevalence).iloc[0]
    figures = {name: f"{in_use[name]:,.1f}" for name in ("reviewed", "missed", "false_alarms")}
    return figures | {
        "name": _name(detector),
        "threshold": _number(detector["threshold"]),
        **{key: f"{percent(at[key]['value'])} ({_interval(at[key])})" for key in ("recall", "fpr")},
    }


def _interval(metric: Mapping[str, Any]) -> str:
    return f"{percent(metric['low'])} to {percent(metric['high'])}"


def _packed(data: Mapping[str, Any]) -> str:
    """The data as JSON that cannot end its element, scores as float32 in base64."""
    detectors = [
        detector
        | {group: _base64(detector[group]) for group in ("normal", "anomalies")}
        | {"pictured": _base64([picture["scores"][place] for picture in data["pictures"]]), "about": _about(detector)}
        for place, detector in enumerate(data["detectors"])
    ]
    pictures = [{key: picture[key] for key in ("id", "class", "normal")} for picture in data["pictures"]]
    text = json.dumps({**data, "detectors": detectors, "pictures": pictures}, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _base64(scores: list[float | None]) -> str:
    """Scores as little-endian float32, NaN for None."""
    return base64.b64encode(np.array(scores, float).astype("<f4").tobytes()).decode()
