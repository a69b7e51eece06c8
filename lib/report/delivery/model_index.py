"""The YAML header of a model card: licence, tags and, for machines, the metrics (`model-index`)."""

from collections.abc import Iterator
from typing import Any

from lib.report.delivery.facts import Facts

TASK = {"type": "anomaly-detection", "name": "Image anomaly detection"}
METRICS = {  # of `answer.at`: the type and the name that a reader of model cards knows
    "recall": ("recall", "Recall"),
    "fpr": ("false_positive_rate", "False alarm rate"),
    "precision": ("precision", "Precision"),
    "f1": ("f1", "F1"),
    "accuracy": ("accuracy", "Accuracy"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "mcc": ("matthews_correlation", "Matthews correlation"),
}


def header(facts: Facts) -> dict[str, Any]:
    """The header. The licence of the detector is `unknown`: that of the suite does not cover it."""
    keras = any(facts.detector.rglob("*.keras"))
    dataset = {"type": facts.params.dataset, "name": str(facts.metrics["dataset"]["name"]), "split": "test"}
    return {
        "license": "unknown",
        **({"library_name": "keras"} if keras else {}),
        "tags": ["anomaly-detection", "image-anomaly-detection", "one-class-classification", facts.answer["family"]],
        "model-index": [
            {
                "name": facts.answer["detector"],
                "results": [{"task": TASK, "dataset": dataset, "metrics": list(_metrics(facts))}],
            }
        ],
    }


def _metrics(facts: Facts) -> Iterator[dict[str, Any]]:
    answer = facts.answer
    found = [("roc_auc", "AUROC", answer["auroc"])] if answer["auroc"] else []
    known = METRICS if answer["auroc"] else {"fpr": METRICS["fpr"]}  # without anomalies nothing else is known
    found += [(kind, f"{name} at the threshold", answer["at"].get(key)) for key, (kind, name) in known.items()]
    for kind, name, metric in found:
        if metric and metric["value"] is not None:
            interval = [metric["low"], metric["high"]]
            yield {"type": kind, "name": name, "value": metric["value"], "args": {"interval_95": interval}}
