"""Where the numbers of a page come from: `<data value="0.99980" data-ref="run/metrics.json#/...">0.9998</data>`.

A number that was read from `metrics.json` names its place there; any other that code computed names the cell of the
executed notebook. Numbers that were written by hand have no source. `lib.report.verification` reads all this again.
"""

import html
import re
from collections.abc import Mapping
from typing import Any

from lib.core import traced
from lib.report.render import pandoc
from lib.report.render.pandoc import Elements

# A number that stands alone: neither a part of a name or a version, nor the number of a list.
NUMBER = re.compile(r"(?<![\w.,])[+−-]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[+-]?\d+)?(?![\w]|\.\d)")
_SPAN = re.compile(r'<span class="source" data-ref="([^"]*)" data-value="([^"]*)">(.*?)</span>', re.DOTALL)
FORMULAS = {
    "accuracy": "(TP + TN) / all images",
    "balanced_accuracy": "(recall + TN / (TN + FP)) / 2",
    "precision": "TP / (TP + FP)",
    "recall": "TP / (TP + FN)",
    "f1": "2 TP / (2 TP + FP + FN)",
    "fpr": "FP / (FP + TN)",
    "mcc": "(TP TN − FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN))",
    "auroc": "P(score of an anomaly > score of a normal image) + P(equal) / 2",
    "aupr": "Σ (recall step × precision), anomalies as positives",
    "aupr_normal": "Σ (recall step × precision), normal images as positives",
    "fpr_at_95_tpr": "FPR at the threshold that 95 % of the anomalies exceed",
    "difference": "AUROC of this detector − AUROC of the first one, on the same images",
    "precision_in_use": "p × recall / (p × recall + (1 − p) × FPR), p the prevalence",
}
_RATES = {"recall": ("tp", "fn"), "fpr": ("fp", "tn"), "precision": ("tp", "fp")}  # counted over these


def value(text: str) -> float:
    """The value that a number on a page says: `1,234`, `−0.020`, `4.1e-07`."""
    return float(text.replace(",", "").replace("−", "-"))


def attributed(tree: Any, origin: str) -> Any:
    """A tree in which numbers without a source get one, the cell that computed them; unchanged without an origin."""
    if not origin:
        return tree
    if isinstance(tree, list):
        return [part for child in tree for part in _attributed(child, origin)]
    if isinstance(tree, dict):
        return {key: attributed(child, origin) for key, child in tree.items()}
    return tree


def _attributed(element: Any, origin: str) -> list[Any]:
    kind = element.get("t") if isinstance(element, dict) else ""
    if kind in ("Cite", "Math", "Code", "Header") or (kind == "Span" and "source" in element["c"][0][1]):
        return [element]
    if kind != "Str":
        return [attributed(element, origin)]
    parts, text, done = [], element["c"], 0
    for match in NUMBER.finditer(text):
        number = [{"t": "Str", "c": match[0]}]
        before = text[done : match.start()]
        parts += [{"t": "Str", "c": before}] if before else []
        parts.append(pandoc.span(traced.Source(origin, repr(value(match[0])).removesuffix(".0")), number))
        done = match.end()
    return [*parts, *([{"t": "Str", "c": text[done:]}] if text[done:] else [])]


def without(element: Any) -> Elements | None:
    """For `pandoc.replace`: the content of a Span of class `source`; None for other elements."""
    marked = element["t"] == "Span" and "source" in element["c"][0][1]
    return element["c"][1] if marked else None


def written(page: str, metrics: Mapping[str, Any]) -> str:
    """HTML in which pandoc's Spans of class `source` are `<data>`, with what is known of the number as a tooltip."""

    def data(match: re.Match) -> str:
        ref, number, text = match.groups()
        title = html.escape(about(html.unescape(ref), metrics))
        return f'<data value="{number}" data-ref="{ref}" title="{title}">{text}</data>'

    return _SPAN.sub(data, page)


def plain_text(text: str, origin: str, metrics: Mapping[str, Any]) -> str:
    """A text with marks, but without markup, as HTML with `<data>`."""
    inlines = attributed(pandoc.sourced([{"t": "Str", "c": text}]), origin)
    parts = []
    for inline in inlines:
        words = html.escape(pandoc.plain([inline]) if inline["t"] == "Span" else inline["c"])
        if inline["t"] == "Span":
            ref, number = (pair[1] for pair in inline["c"][0][2])
            words = f'<span class="source" data-ref="{html.escape(ref)}" data-value="{number}">{words}</span>'
        parts.append(words)
    return written("".join(parts), metrics)


def about(ref: str, metrics: Mapping[str, Any]) -> str:
    """What is known of a number: what it is, n, interval, formula, and its file; one line."""
    if "#/" not in ref or " " in ref or not ref.startswith("run/metrics.json"):
        return f"computed: {ref.strip('()')}" if " " in ref else f"computed in {ref}"
    keys = traced.keys(ref)
    nodes: list[Any] = [metrics]
    for key in keys:
        node = nodes[-1]
        nodes.append(node[int(key)] if isinstance(node, list) else node.get(key) if isinstance(node, Mapping) else None)
    metric, holder = nodes[-2], nodes[-3] if len(nodes) > 2 else {}
    name = keys[-2] if keys[-1] in ("value", "low", "high", "chance", "trivial") and len(keys) > 1 else keys[-1]
    facts = []
    if formula := FORMULAS.get(name):
        facts.append(f"{name.replace('_', ' ')} = {formula}")
    if isinstance(holder, Mapping) and name in FORMULAS:
        counts = [holder.get(count) for count in _RATES.get(name, ("tp", "fp", "tn", "fn"))]
        if all(isinstance(count, int) for count in counts):
            facts.append(f"n = {sum(counts):,}")
        elif "auroc" in holder or name == "difference":
            facts.append(f"n = {_tested(keys, metrics)}")
    if isinstance(metric, Mapping) and metric.get("low") is not None and metric.get("high") is not None:
        facts.append(f"95 % interval {metric['low']:.4g} to {metric['high']:.4g}")
    return "; ".join([*facts, ref])


def _tested(keys: list[str], metrics: Mapping[str, Any]) -> str:
    """How many images a metric of the ranking was measured on: the leaderboard's are held out."""
    parts = metrics.get("parts", {})
    own = parts.get("holdout") if keys[0] in ("leaderboard", "answer") else None
    part = own or parts.get(metrics.get("protocol"), {})
    return f"{part.get('normal', 0):,} normal and {part.get('anomalies', 0):,} anomalies"
