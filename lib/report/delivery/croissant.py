"""`croissant.json`: a description of a user's folder of images for machines, in Croissant 1.0 (JSON-LD).

Written by hand from https://docs.mlcommons.org/croissant/docs/croissant-spec.html. The images themselves are not part
of a delivery: their SHA-256 say which they were.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from lib import data
from lib.core import checksums, csv_files
from lib.core.cache import write_json
from lib.core.characters import readable
from lib.core.errors import UserError
from lib.core.formatting import count
from lib.report.delivery.facts import Facts

TABLE = "images.csv"
MOST = 2000  # files that are described one by one; of more, `images.csv` alone has the SHA-256
FIELDS = {
    "id": "path of the image below the folder",
    "class": "name of its class",
    "label": "normal or anomaly",
    "part": "set that the study put it in: fit, calibration, validation, test or dropped",
    "sha256": "SHA-256 of the file",
}
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def write(facts: Facts, path: Path) -> None:
    """Write `croissant.json` and, beside it, `images.csv` with one row an image.

    Raises:
        UserError: The images have changed since the report was made.
    """
    images = data.load(facts.params)
    if images.fingerprint != facts.manifest["data"]["fingerprint"]:
        raise UserError(f"STUDY={facts.params.study}: its images have changed; make the report again")
    table = _table(images.table, facts)
    csv_files.write(table, path.parent / TABLE)
    write_json(path, _metadata(table, images.table["file_bytes"], facts))


def _table(images: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    scores = facts.scores.set_index("id").loc[images["id"]]
    label = scores["label"].map({0: "normal", 1: "anomaly"})
    columns = (scores.index, scores["class_name"], label, scores["part"], images["sha256"])
    return pd.DataFrame({name: list(map(str, column)) for name, column in zip(FIELDS, columns, strict=True)})


def _metadata(table: pd.DataFrame, sizes: pd.Series, facts: Facts) -> dict[str, Any]:
    path = facts.folder / TABLE
    listed = {
        "@type": "cr:FileObject",
        "@id": TABLE,
        "name": TABLE,
        "description": "One row for each image. An apostrophe stands before a name that begins with =, +, - or @.",
        "contentUrl": TABLE,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": "text/csv",
        "sha256": checksums.of_file(path),
    }
    counts = table["label"].value_counts()
    origin = facts.params.origin
    described = (
        f"{count(int(counts.get('normal', 0)), 'normal image')} of class {readable(facts.params.normal_class)} and "
        f"{count(int(counts.get('anomaly', 0)), 'anomaly', 'anomalies')}, as the study {facts.params.study!r} used "
        f"them. {origin or 'The parameter set does not say where they come from.'} The images are not part of this "
        "delivery; the addresses below are relative to their folder."
    )
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": readable(facts.metrics["dataset"]["name"]),
        "description": described,
        "license": origin or "unknown",
        "identifier": facts.manifest["data"]["fingerprint"],
        "datePublished": f"{facts.date:%Y-%m-%d}",
        "distribution": [listed, *_files(table, sizes)],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "images",
                "name": "images",
                "description": "The images and what the study used each for.",
                "key": {"@id": "images/id"},
                "field": [_field(name, words) for name, words in FIELDS.items()],
            }
        ],
    }


def _files(table: pd.DataFrame, sizes: pd.Series) -> list[dict[str, Any]]:
    formats = sorted({_format(name) for name in table["id"]})
    if len(table) > MOST:
        patterns = sorted({f"**/*{Path(name).suffix}" for name in table["id"]})
        words = f"{len(table):,} images; {TABLE} has the SHA-256 of each."
        return [
            {
                "@type": "cr:FileSet",
                "@id": "image-files",
                "name": "image-files",
                "description": words,
                "encodingFormat": formats,
                "includes": patterns,
            }
        ]
    return [
        {
            "@type": "cr:FileObject",
            "@id": f"image/{quote(name)}",
            "name": name,
            "contentUrl": quote(name),
            "contentSize": f"{size} B",
            "encodingFormat": _format(name),
            "sha256": sha256,
        }
        for name, sha256, size in zip(table["id"], table["sha256"], sizes, strict=True)
    ]


def _format(name: str) -> str:
    kind = Path(name).suffix.lower().removeprefix(".")
    return "image/" + {"jpg": "jpeg", "tif": "tiff"}.get(kind, kind)


def _field(name: str, words: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"images/{name}",
        "name": name,
        "description": words,
        "dataType": "sc:Text",
        "source": {"fileObject": {"@id": TABLE}, "extract": {"column": name}},
    }
