"""What a notebook shows: figures, tables and computed sentences, with all that a page needs to know of them.

The caption, the label and the alternative text travel with the output, in its metadata; `lib.report` reads
them there. In JupyterLab, which does not show them, the caption is echoed under the figure.
"""

import base64
import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from lib.presentation import plots, tables

DPI = 160  # of figures made of photographs; the others are drawn as curves and need none


def figure(drawn: Figure, *, label: str, caption: str, alt: str) -> None:
    """Shows a figure: as SVG, or as PNG where it holds photographs.

    Args:
        drawn: the figure.
        label: what other text refers to it by, `fig-...`; once in a study.
        caption: Markdown; says what to see.
        alt: plain text for people who do not see it: what it shows, with its main figures.
    """
    photographs = any(axes.images for axes in drawn.axes)
    buffer = io.BytesIO()
    with plots.style():  # it fixes the ids in SVG files
        if photographs:
            drawn.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        else:
            drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    if photographs:
        bundle = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
    else:
        bundle = {"image/svg+xml": buffer.getvalue().decode()}
    _emit(bundle, {"kind": "figure", "label": label, "caption": caption, "alt": alt})
    _echo(caption)


def table(frame: pd.DataFrame, *, label: str, caption: str, **options: Any) -> None:
    """Shows a table.

    Args:
        frame: the table; its index is left out.
        label: what other text refers to it by, `tab-...`; once in a study.
        caption: Markdown; says what to read in it.
        **options: of `lib.presentation.tables.to_markdown`.
    """
    if frame.empty:  # a table without rows is none to the renderers, and a label needs one
        frame = pd.DataFrame([["none", *[None] * (frame.shape[1] - 1)]], columns=frame.columns)
    markdown = tables.to_markdown(frame, **options)
    _emit({"text/markdown": markdown}, {"kind": "table", "label": label, "caption": caption})
    _echo(caption)


def prose(markdown: str) -> None:
    """Shows computed sentences, as Markdown."""
    _emit({"text/markdown": markdown}, {"kind": "prose"})


def provenance(manifest: Mapping[str, Any], params: Mapping[str, Any], page: str) -> None:
    """Shows where a page came from: the study's parameters, then data, code, versions, seed and device.

    Args:
        manifest: the run's `manifest.json`.
        params: the run's `params.json`.
        page: short name of the page, for the label.
    """
    data, code = manifest["data"], manifest["code"]
    rows = {
        "Parameters": _listed({key: value for key, value in params.items() if value not in ("", [])}),
        "Data": f"{data['name']} {data['version']}, {data['images']:,} images, fingerprint {data['fingerprint']}",
        "Code": f"commit {code['commit'] or 'unknown'}, files {code['files']}",
        "Seed": manifest["seed"],
        "Device": f"{manifest['device']}; {manifest['machine']}",
        "Versions": _listed(manifest["versions"]),
        "Made": manifest["created"].replace("T", " ").replace("+00:00", " UTC"),
    }
    table(
        tables.provenance(rows),
        label=f"tab-{page}-provenance",
        caption="Where this page came from.",
    )


def _listed(values: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name} {', '.join(map(_worded, value)) if isinstance(value, list) else value}"
        for name, value in values.items()
    )


def _worded(value: Any) -> str:
    """An item of a list; of a set of keys and values, `latent_dim 64` and the like."""
    return " and ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, Mapping) else str(value)


def _emit(bundle: dict[str, Any], report: dict[str, str]) -> None:
    plain = report.get("alt") or report.get("caption") or report["kind"]
    text = bundle.get("text/markdown", plain)
    display({"text/plain": text, **bundle}, metadata={"report": report}, raw=True)


def _echo(caption: str) -> None:
    display({"text/plain": caption, "text/markdown": f"*{caption}*"}, metadata={"report": {"kind": "lab"}}, raw=True)
