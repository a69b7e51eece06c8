"""`ro-crate-metadata.json`: the delivery as an RO-Crate 1.1 with the profile Workflow Run Crate 0.5 (JSON-LD).

Written by hand from https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/workflow/0.5. It says which notebooks
were executed with which parameters on which data, by which software, when, and which files came of it.
"""

import json
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat

from lib.core import cache, checksums
from lib.params import Parameters
from lib.report.delivery import archive
from lib.report.delivery.facts import Facts

Entity = dict[str, Any]

WORKFLOW = "notebooks/workflow.json"
METADATA = "ro-crate-metadata.json"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
FORMATS = {".ipynb": "application/x-ipynb+json", ".md": "text/markdown", ".yaml": "application/yaml"}
FORMATS |= {".parquet": "application/vnd.apache.parquet", ".svg": "image/svg+xml", ".lock": "text/plain"}
FORMATS |= {
    ".keras": "application/zip",
    ".npz": "application/zip",
    ".npy": "application/octet-stream",
    "": "text/plain",
}
TYPES = {"string": "Text", "integer": "Integer", "number": "Float", "boolean": "Boolean"}
RESULTS = {  # files that the run made, by the output of the workflow that they are
    "scores": ("run/scores.parquet", "The anomaly score of every image by every detector."),
    "metrics": ("run/metrics.json", "All metrics, the answer of the first page and its warnings."),
    "report": ("report.pdf", "The report as one file."),
    "pages": ("index.html", "The report as web pages; this is the first one."),
}
DESCRIBED = {
    "model_card.md": "What the detector is for, how well it does, and what it cannot do.",
    "params.yaml": "The whole parameter set.",
    "requirements.lock": "The exact versions of all packages.",
    "LICENSE": "The licence of the code and the notebooks.",
    archive.SUMS: "SHA-256 of every other file.",
    "croissant.json": "The images that were used, described in Croissant.",
    "images.csv": "The images that were used, with SHA-256.",
    "run/split.csv": "The set of each image.",
    "run/fits.json": "What was fitted, with all options.",
    "run/manifest.json": "Data, code, versions, seed and device.",
    **dict(RESULTS.values()),
}
NOT_STATED = (
    "The code and the notebooks are under the licence in the file LICENSE. Under which terms the images, the detector "
    "and the results may be used is not stated; ask whoever delivered them."
)


def workflow(facts: Facts) -> dict[str, Any]:
    """The workflow as a file: the command, and the notebooks in the order in which it executes them."""
    steps = []
    for path in sorted((facts.folder / "notebooks").glob("*.ipynb")):
        recorded = nbformat.read(path, as_version=4).metadata.get("papermill", {})
        steps.append({"notebook": path.name, "parameters": sorted(recorded.get("parameters", {}))})
    return {
        "description": "Executes the notebooks in this order, each with the parameters that it declares, on one run "
        "folder, and renders them as pages and as one PDF.",
        "command": "python -m lib report params.yaml",
        "steps": steps,
    }


def metadata(facts: Facts, unhashed: str) -> dict[str, Any]:
    """The whole crate.

    Args:
        facts: Of a folder that has all its files but this one and the checksums.
        unhashed: Name of the file of checksums, which is written last.
    """
    names = [name for name in archive.files(facts.folder) if name not in (METADATA, unhashed)] + [unhashed]
    params, detector = facts.params, _id(facts.detector.relative_to(facts.folder).as_posix() + "/")
    action = "#run"
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": _refs(PROFILES),
        "name": params.title,
        "description": f"Report, results and detector of the study {params.study}: image anomaly detection with "
        f"images of class {params.normal_class} as normal.",
        "datePublished": facts.date.isoformat(timespec="seconds"),
        "license": {"@id": "#licence"},
        "hasPart": _refs([*map(_id, names), detector]),
        "mainEntity": {"@id": WORKFLOW},
        "mentions": {"@id": action},
    }
    about = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": _refs(["https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"]),
    }
    return {
        "@context": CONTEXT,
        "@graph": [
            about,
            root,
            *_profiles(),
            {"@id": "#licence", "@type": "CreativeWork", "name": "Not stated as a whole", "description": NOT_STATED},
            *_parameters(params),
            *_outputs(),
            *_software(facts),
            _data(facts),
            _action(action, facts, names, detector),
            {
                "@id": detector,
                "@type": "Dataset",
                "name": f"Detector: {facts.answer['detector']}",
                "description": "The detector that the report answers with, its threshold and its calibration scores.",
                "hasPart": _refs(_id(name) for name in names if _id(name).startswith(detector)),
            },
            *(_file(name, facts, unhashed) for name in names),
        ],
    }


def _id(name: str) -> str:
    """A name of a file as an address."""
    return quote(name)


def _refs(ids: Iterable[str]) -> list[Entity]:
    return [{"@id": each} for each in ids]


def _profiles() -> Iterator[Entity]:
    for profile, (name, version) in PROFILES.items():
        yield {"@id": profile, "@type": "CreativeWork", "name": name, "version": version}


def _parameters(params: Parameters) -> Iterator[Entity]:
    """A `FormalParameter` for each key of the schema, and its value; lists as JSON."""
    schema = Parameters.model_json_schema()["properties"]
    for name, value in params.model_dump().items():
        formal, described = f"#parameter-{name}", schema[name]
        yield {
            "@id": formal,
            "@type": "FormalParameter",
            "additionalType": TYPES.get(described.get("type", ""), "Text"),
            "name": name,
            "description": described.get("description", name),
            "defaultValue": _scalar(described.get("default")),
            "valueRequired": False,
            "workExample": {"@id": f"#value-{name}"},
        }
        yield {
            "@id": f"#value-{name}",
            "@type": "PropertyValue",
            "name": name,
            "value": _scalar(value),
            "exampleOfWork": {"@id": formal},
        }


def _scalar(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _outputs() -> Iterator[Entity]:
    for name, (file, words) in RESULTS.items():
        yield {
            "@id": f"#output-{name}",
            "@type": "FormalParameter",
            "additionalType": "File",
            "name": name,
            "description": words,
            "workExample": {"@id": file},
        }


def _version(facts: Facts) -> str:
    """The version of the suite: its commit, else a key of its files."""
    code = facts.manifest.get("code", {})
    return code.get("commit") or f"files {code.get('files', 'unknown')}"


def _software(facts: Facts) -> Iterator[Entity]:
    versions = facts.manifest.get("versions", {})
    urls = {name: f"https://pypi.org/project/{name}/{number}/" for name, number in versions.items()}
    urls |= {"python": "https://www.python.org/"} if "python" in urls else {}
    yield {
        "@id": "#suite",
        "@type": "SoftwareApplication",
        "name": "anomaly-reports",
        "description": "Parameterised notebook reports for image anomaly detection.",
        "softwareVersion": _version(facts),
        "license": {"@id": "LICENSE"},
        "softwareRequirements": _refs(urls.values()),
    }
    for name, url in urls.items():
        software = {"@id": url, "@type": "SoftwareApplication", "name": name, "url": url}
        yield software | {"softwareVersion": str(versions[name])}
    yield {
        "@id": "#jupyter",
        "@type": "ComputerLanguage",
        "name": "Jupyter notebooks in Python",
        "url": "https://jupyter.org/",
    }


def _data(facts: Facts) -> Entity:
    data = facts.manifest["data"]
    entity = {
        "@id": "#data",
        "@type": "CreativeWork",
        "name": str(data["name"]),
        "description": f"The {data['images']:,} images of the study, which are not in this crate. The identifier is a "
        "key of their names and pixels.",
        "identifier": data["fingerprint"],
        "version": str(data["version"]),
    }
    described = (facts.folder / "croissant.json").is_file()
    return entity | ({"subjectOf": {"@id": "croissant.json"}} if described else {})


def _action(name: str, facts: Facts, names: list[str], detector: str) -> Entity:
    pages = [each for each in names if "/" not in each and each.endswith(".html")]
    results = dict.fromkeys([*(file for file, _ in RESULTS.values()), *pages])
    values = [f"#value-{key}" for key in facts.params.model_dump()]
    times = {"startTime": facts.started, "endTime": facts.ended}
    return {
        "@id": name,
        "@type": "CreateAction",
        "name": f"Report of the study {facts.params.study}",
        "description": f"On {facts.manifest.get('device', 'unknown')}, {facts.manifest.get('machine', 'unknown')}.",
        "actionStatus": "http://schema.org/CompletedActionStatus",
        **{key: time.isoformat(timespec="seconds") for key, time in times.items() if time},
        "instrument": {"@id": WORKFLOW},
        "object": _refs(["#data", "params.yaml", *values]),
        "result": _refs([*map(_id, results), detector]),
    }


def _file(name: str, facts: Facts, unhashed: str) -> Entity:
    suffix = Path(name).suffix
    entity: Entity = {"@id": _id(name), "@type": "File", "name": name}
    if words := DESCRIBED.get(name):
        entity["description"] = words
    if guess := FORMATS.get(suffix) or mimetypes.types_map.get(suffix):
        entity["encodingFormat"] = guess
    if name != unhashed:
        path = facts.folder / name
        entity |= {"contentSize": str(path.stat().st_size), "sha256": checksums.of_file(path)}
    for output, (file, _) in RESULTS.items():
        if file == name:
            entity["exampleOfWork"] = {"@id": f"#output-{output}"}
    if suffix == ".ipynb":
        entity |= {"@type": ["File", "SoftwareSourceCode"], "programmingLanguage": {"@id": "#jupyter"}}
        entity |= {"license": {"@id": "LICENSE"}, "version": _version(facts)}
    if name == WORKFLOW:
        steps: list[Mapping[str, Any]] = cache.read_json(facts.folder / WORKFLOW)["steps"]
        entity |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "Notebooks of the report, in the order of their execution",
            "description": "The command that makes the report, and its notebooks with the parameters of each.",
            "programmingLanguage": {"@id": "#jupyter"},
            "license": {"@id": "LICENSE"},
            "version": _version(facts),
            "softwareRequirements": {"@id": "#suite"},
            "hasPart": _refs(_id(f"notebooks/{step['notebook']}") for step in steps),
            "input": _refs(f"#parameter-{key}" for key in facts.params.model_dump()),
            "output": _refs(f"#output-{key}" for key in RESULTS),
        }
    return entity
