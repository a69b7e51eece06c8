"""Display of figures, tables and computed sentences in a notebook, with all that a page needs to know of them.

The caption, the label and the alternative text are metadata of the output, where `lib.report` reads them. JupyterLab
does not show metadata, so the caption is also displayed under the figure.
"""

import base64
import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from lib.presentation import plots, tables

DPI = 160  # of figures that contain images; the others are vector graphics


def figure(drawn: Figure, *, label: str, caption: str) -> None:
    """Show a figure: as SVG, or as PNG if it contains images.

    Args:
        drawn: The figure, with its alternative text as its label, as all of `lib.presentation.plots` have it.
        label: The name that other text refers to, `fig-...`; unique in a study.
        caption: Markdown.

    Raises:
        ValueError: The figure has no alternative text.
    """
    alt = drawn.get_label()
    if not alt:
        raise ValueError(f"figure {label!r} has no alternative text; set it with `set_label`")
    buffer = io.BytesIO()
    with plots.style():  # it fixes the ids in SVG files
        if any(axes.images for axes in drawn.axes):
            drawn.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
            bundle = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
        else:
            drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
            bundle = {"image/svg+xml": buffer.getvalue().decode()}
    _display(bundle, {"kind": "figure", "label": label, "caption": caption, "alt": alt})
    _display_caption(caption)


def table(frame: pd.DataFrame, *, label: str, caption: str, **options: Any) -> None:
    """Show a table.

    Args:
        frame: The table; its index is left out.
        label: The name that other text refers to, `tab-...`; unique in a study.
        caption: Markdown.
        **options: Of `lib.presentation.tables.to_markdown`.
    """
    if frame.empty:  # the renderers know no table without rows, and the label has to exist
        frame = pd.DataFrame([["none", *[None] * (frame.shape[1] - 1)]], columns=frame.columns)
    markdown = tables.to_markdown(frame, **options)
    _display({"text/markdown": markdown}, {"kind": "table", "label": label, "caption": caption})
    _display_caption(caption)


def prose(markdown: str) -> None:
    """Show computed sentences, as Markdown."""
    _display({"text/markdown": markdown}, {"kind": "prose"})


def provenance(manifest: Mapping[str, Any], params: Mapping[str, Any], page: str) -> None:
    """Show a table of the study's parameters, data, code, versions, seed and device.

    Args:
        manifest: The run's `manifest.json`.
        params: The run's `params.json`.
        page: Short name of the page, for the label.
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
        f"{name} {', '.join(map(_item, value)) if isinstance(value, list) else value}" for name, value in values.items()
    )


def _item(value: Any) -> str:
    """An item of a list; a mapping as `latent_dim 64 and beta 0.01`."""
    return " and ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, Mapping) else str(value)


def _display(bundle: dict[str, Any], report: dict[str, str]) -> None:
    plain = report.get("alt") or report.get("caption") or report["kind"]
    text = bundle.get("text/markdown", plain)
    display({"text/plain": text, **bundle}, metadata={"report": report}, raw=True)


def _display_caption(caption: str) -> None:
    display({"text/plain": caption, "text/markdown": f"*{caption}*"}, metadata={"report": {"kind": "lab"}}, raw=True)
