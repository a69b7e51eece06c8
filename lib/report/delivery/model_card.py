"""`model_card.md`: one page about the detector, in the form of Hugging Face: a YAML header, then sections.

Every number is read or computed from the run folder; a figure that a study does not have is not printed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import yaml

from lib.core import traced
from lib.core.formatting import count, percent
from lib.presentation import text
from lib.presentation.tables.markdown import code, literal, to_markdown
from lib.presentation.text import first_page
from lib.presentation.text.terms import area, both_counts, in_words, interval, rate
from lib.presentation.text.thresholds import expected_fpr
from lib.report.delivery import annex_iv, model_index
from lib.report.delivery.facts import Facts

MOST = 5  # classes or images in a list
AT_THRESHOLD = {
    "recall": "Recall (share of the anomalies flagged)",
    "fpr": "False alarm rate (share of the normal images flagged)",
    "precision": "Precision (share of the flagged images that are anomalies)",
    "f1": "F1",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "Matthews correlation",
}
SETS = {  # parts of the division, and what each was used for
    "fit": ("Fitted on", "to fit the detector"),
    "calibration": ("Calibration", "to set the threshold"),
    "validation": ("Validation", "to choose the detector"),
    "test": ("Test", "for the metrics below"),
    "dropped": ("Left out", "not used: near-duplicates of images in another set"),
}


def model_card(facts: Facts) -> str:
    """The whole card."""
    sections = {
        "Intended use": _intended_use,
        "Data": _data,
        "Metrics": _metrics,
        "Threshold": _threshold,
        "What fools it": _what_fools_it,
        "Limits": _limits,
        "How to use it": _how_to_use_it,
        "Drift check": _drift_check,
        "Origin and licence": _origin,
        annex_iv.TITLE: annex_iv.table,
    }
    header = yaml.safe_dump(model_index.header(facts), sort_keys=False, allow_unicode=True, width=10**9)
    parts = [f"---\n{header}---", f"# {literal(facts.params.title)}", "\n\n".join(_summary(facts))]
    parts += [f"## {title}\n\n" + "\n\n".join(write(facts)) for title, write in sections.items()]
    return traced.plain("\n\n".join(parts)) + "\n"


def _summary(facts: Facts) -> Iterator[str]:
    yield first_page.answer(facts.answer)
    yield first_page.in_use(facts.answer, facts.params.prevalence)


def _intended_use(facts: Facts) -> Iterator[str]:
    name = literal(facts.params.normal_class)
    yield (
        f"The detector gives each image a score: the higher, the less the image is like normal images, here those of "
        f"class {name}. It flags the images whose score is above the threshold, so that a person looks at them first."
    )
    yield "**Out of scope:**"
    yield "\n".join(_out_of_scope(facts))


def _out_of_scope(facts: Facts) -> Iterator[str]:
    yield "- Images of other objects, or taken in another way, than those under *Data*."
    yield "- Decisions that no person checks, where a missed anomaly or a false alarm can do harm."
    yield "- To say what is wrong with an image: the detector does not classify anomalies."
    if facts.answer["auroc"] is None:
        yield "- To rely on it to detect anomalies: there was none to test it on."
    else:
        yield "- Kinds of anomalies that the test set does not have: how many of them it detects is not known."


def _data(facts: Facts) -> Iterator[str]:
    data, params = facts.manifest["data"], facts.params
    name, version = literal(str(data["name"])), literal(str(data["version"]))
    whole = name if params.images else f"{name}, version {version}"
    unknown = " The parameter set does not say where the images are from." if params.images else ""
    yield (
        f"Data set: {whole}, {count(data['images'], 'image')}, identifier `{data['fingerprint']}`. Normal: class "
        f"{literal(params.normal_class)}. Anomalies: "
        f"{'images of all other classes' if facts.metrics['dataset']['anomalies'] else 'none'}."
        + (f" {literal(params.origin)}" if params.origin else unknown)
    )
    rows = {
        title: (facts.count(part, 0), facts.count(part, 1), words)
        for part, (title, words) in SETS.items()
        if facts.count(part, 0) + facts.count(part, 1)
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["Normal images", "Anomalies", "Used"])
    yield to_markdown(table.rename_axis("Set"), index=True)
    if share := _fit_share(json.loads((facts.detector / "detector.json").read_text(encoding="utf-8"))):
        yield f"Of the images to fit on, the detector used {percent(share)}."
    saw = facts.answer["threshold"]["saw"]
    if "left out in turn" in saw:
        yield f"The threshold also saw the scores of images fitted on: {saw}."
    if not facts.answer["chosen"]:
        yield "The detector was not chosen among others: the parameter set names it, or it is the default."
    yield "No image is in two sets. `run/scores.parquet` has the set of each image in the column `part`."


def _fit_share(detector: Any) -> float | None:
    """The share of the images to fit on that a detector takes, where it does not take all."""
    if isinstance(detector, Mapping):
        if detector.get("fit_images"):
            return detector["fit_images"]
        detector = list(detector.values())
    parts = detector if isinstance(detector, list) else []
    return next((share for part in parts if (share := _fit_share(part))), None)


def _metrics(facts: Facts) -> Iterator[str]:
    answer, row = facts.answer, facts.metrics.get("leaderboard", {}).get(facts.answer["column"], {})
    normals, anomalies = facts.count("test", 0), facts.count("test", 1)
    yield (
        f"Measured on the test set, {both_counts(normals, anomalies)}; intervals are 95 %. The last two columns have "
        "what the metric would be without a detector: for scores drawn at random or if every image were flagged, and "
        "if none were."
    )
    rows = [("AUROC", answer["auroc"])] if answer["auroc"] else []
    rows += [("Area under the precision-recall curve", row["aupr"])] if row.get("aupr") else []
    known = AT_THRESHOLD if answer["auroc"] else {"fpr": AT_THRESHOLD["fpr"]}
    rows += [(f"{words}, at the threshold", answer["at"][key]) for key, words in known.items()]
    cells = [(words, *_cells(words, metric)) for words, metric in rows if metric["value"] is not None]
    yield to_markdown(
        pd.DataFrame(cells, columns=["Metric", "Value", "Interval", "Chance or all flagged", "None flagged"])
    )
    at = answer["at"]
    if anomalies:
        yield (
            f"Flagged: {at['tp']:,} of {count(anomalies, 'anomaly', 'anomalies')} and {at['fp']:,} of "
            f"{count(normals, 'normal image')}. In the test set {percent(anomalies / (anomalies + normals))} of the "
            "images are anomalies; precision, F1 and the area under the precision-recall curve hold for this share."
        )
    else:
        alarms = f"{at['fp']:,} of {count(normals, 'normal image')}"
        yield f"Flagged: {alarms}. Without anomalies there are no other metrics."


def _cells(words: str, metric: Mapping[str, Any]) -> tuple[str, str, str, str]:
    none = metric.get("nothing", 0.0 if words.startswith(("Recall", "False alarm")) else None)
    values = (metric["value"], metric.get("chance", metric.get("trivial")), none)
    value, trivial, nothing = ("–" if each is None else _decimals(each) for each in values)
    known = metric.get("low") is not None
    return value, f"{_decimals(metric['low'])} to {_decimals(metric['high'])}" if known else "–", trivial, nothing


def _decimals(value: float) -> str:
    """Four decimals; six where these would round a value below 1 to 1."""
    text = f"{value:.6f}" if 0.99995 <= value < 1 else f"{value:.4f}"
    return text.replace("-", "−")


def _threshold(facts: Facts) -> Iterator[str]:
    answer = facts.answer
    threshold, seen = answer["threshold"], answer["calibration"]
    yield f"An image is flagged if its score is above **{threshold['value']:.6g}** (rule `{threshold['rule']}`)."
    if threshold["rule"] == "fixed":
        yield "The parameter set gives this value; no image was used to set it. It guarantees no rate."
    elif threshold["rule"] != "target_fpr":
        yield (
            f"It was the best one by this rule on {threshold['saw']}. It guarantees no rate. On new images of "
            "the same kind, the rates to expect are those of the test set, within their intervals."
        )
    else:
        yield (
            f"It was set by split conformal calibration on {threshold['saw']}. **What this guarantees:** of new "
            f"normal images of the same kind, at most {percent(answer['alpha'])} are flagged, on average over "
            "calibration sets. "
            f"{expected_fpr(seen, answer['target'], answer['alpha'])}"
            + (
                " As scores of images fitted on were used, the bound is approximate."
                if "left out" in threshold["saw"]
                else ""
            )
        )
        yield (
            "**What it does not guarantee:** this rate for images that differ from the calibration images, or how many "
            "anomalies are detected."
        )
    yield f"On the test set the false alarm rate is {rate(answer['at']['fpr'])}."


def _what_fools_it(facts: Facts) -> Iterator[str]:
    classes, at = facts.classes, facts.answer["at"]
    if len(classes) > 1:
        yield f"**Hardest classes**: of {len(classes):,} classes of anomalies, those with the lowest recall."
        rows = [
            (
                literal(row["class"]),
                row["n"],
                row["caught"],
                f"{percent(row['recall_low'])} to {percent(row['recall_high'])}",
            )
            for row in classes.head(MOST).to_dict("records")
        ]
        yield to_markdown(
            pd.DataFrame(rows, columns=["Class", "Test images", "Flagged", "95 % interval of the recall"])
        )
        yield "The intervals hold for a class picked in advance; of many small classes, some are hardest by chance."
    for label, total, words, order in (
        (1, at["fn"], "missed", "lowest"),
        (0, at["fp"], "flagged by mistake", "highest"),
    ):
        kind = ("anomaly", "anomalies") if label else ("normal image", "normal images")
        ids = ", ".join(code(each) for each in facts.wrong(label, MOST))
        if ids:
            yield f"**{count(total, *kind)} {words}**, of which these have the {order} scores: {ids}."
        elif facts.count("test", label):
            yield f"**No {kind[0]} of the test set is {words}.**"
    if facts.shortcuts:
        best = facts.shortcuts[0]
        yield (
            "**Shortcuts**: facts about a file that do not depend on what the image shows. The best one is "
            f"{literal(best['name'])}: AUROC {area(best['auroc']['value'])} ({interval(best['auroc'])}); chance is 0.5."
        )
    if warnings := facts.metrics["warnings"]:
        yield "**Warnings** of the first page of the report; those that name another detector are not about this one:"
        yield "\n".join(f"- {_with_pages(text.warning(record), facts)}" for record in warnings)


def _with_pages(markdown: str, facts: Facts) -> str:
    """Links to notebooks as links to their pages, where there are any."""

    def page(match: re.Match) -> str:
        there = (facts.folder / f"{match[2]}.html").is_file()
        return f"[{match[1]}]({match[2]}.html)" if there else match[1]

    return re.sub(r"\[([^\]]*)\]\((\w+)\.ipynb(?:#[^)]*)?\)", page, markdown)


def _limits(facts: Facts) -> Iterator[str]:
    yield "\n".join(f"- {limit}" for limit in _each_limit(facts))


def _each_limit(facts: Facts) -> Iterator[str]:
    size, images = facts.provenance["measured_at"], facts.provenance["images"]
    originals = pd.read_parquet(facts.detector / "calibration.parquet", columns=["height", "width"])
    colours = "in grey" if images["channels"] == 1 else "in colour"
    seen = f"The detector sees an image {colours}, resized to {size} × {size} pixels"
    if facts.params.tiles > 1:
        seen += f", of which some detectors look at {facts.params.tiles} × {facts.params.tiles} pieces"
    finest = originals.max(axis=1).median() / size
    if finest > 1:
        height, width = originals.median()
        seen += f". The median original has {height:.0f} × {width:.0f} pixels, so a detail of fewer than {finest:.1f} "
        seen += "pixels of the original is smaller than one pixel that the detector sees"
    yield f"{seen}."
    yield "All metrics are from one data set and one division of it; no image from another source was tested."
    yield "Not tested: other cameras, other lighting, and images made to deceive the detector."
    if facts.answer["threshold"]["rule"] != "min_cost":
        yield "The threshold does not weigh the costs of a missed anomaly and of a false alarm."
    yield (
        f"What it means in use is computed for {percent(facts.params.prevalence)} anomalies, a share that the "
        "parameter set gives."
    )


def _how_to_use_it(facts: Facts) -> Iterator[str]:
    study = facts.params.study
    yield (
        f"Unpack this zip into the folder `reports/` of a checkout of the suite"
        f"{_commit(facts)}, so that there is `reports/{study}/`. Then, for a folder of new images:"
    )
    yield f"```\nmake score STUDY={study} IMAGES=new OUT=scores.csv\n```"
    yield (
        "This writes one row for each file with its score, its decision and its p-value, and a page with the highest "
        "scores. In Python, from the folder that the zip was unpacked into:"
    )
    yield (
        "```python\nfrom pathlib import Path\n\n"
        "from lib.evaluation.scoring import Scorer\nfrom lib.study import Saved\n\n"
        f'saved = Saved.load(Path("{study}/run/detectors/{facts.answer["column"]}"))\n'
        'table = Scorer(saved).score("new")  # a pandas DataFrame, one row a file\n```'
    )
    yield "`sha256sum --check SHA256SUMS` says whether a file has changed since the delivery."


def _commit(facts: Facts) -> str:
    commit = facts.manifest.get("code", {}).get("commit", "")
    return f" (this report was made by commit `{commit}`)" if commit else ""


def _drift_check(facts: Facts) -> Iterator[str]:
    calibrated = len(pd.read_parquet(facts.detector / "calibration.parquet", columns=["id"]))
    if not calibrated:
        yield "Not available: the study set no images aside to compare new ones with."
        return
    embedded = (facts.detector / "embeddings.npy").is_file()
    yield (
        f"`make score` compares new images with the {count(calibrated, 'calibration image')} and says whether they "
        f"still look alike: their scores, brightness, sharpness and size{', and their features' if embedded else ''}. "
        "If it reports a change, the false alarm rate above no longer applies: collect new normal images and make the "
        "report again."
    )


def _origin(facts: Facts) -> Iterator[str]:
    versions, code_files = facts.manifest.get("versions", {}), facts.manifest.get("code", {}).get("files", "")
    named = [
        f"{name} {versions[name]}" for name in ("python", "tensorflow", "tensorflow-cpu", "keras") if name in versions
    ]
    name = literal(in_words(facts.answer["detector"]))
    date = f" on {facts.started:%Y-%m-%d}" if facts.started else ""
    yield (
        f"The report was made{date} with seed {facts.params.seed} on "
        f"{facts.manifest.get('device', 'an unknown device')}, by code with the key `{code_files}`, and with "
        f"{', '.join(named)}. `run/manifest.json` and `requirements.lock` have all versions. The options of {name} are "
        "in `detector.json` of its folder."
    )
    yield (
        "The code and the notebooks are under the licence in `LICENSE`. Under which terms the images, the detector and "
        "the results may be used is not stated."
    )
