"""A delivered zip is whole, the same every time, and true: its crate, its model card, and its list of images."""

import csv
import dataclasses
import errno
import hashlib
import html.parser
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import venv
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import folders
import jupytext
import nbformat
import numpy as np
import pandas as pd
import pypandoc
import pypdf
import pytest
import yaml
from conftest import ENVIRONMENT
from executed import executed
from rocrate.rocrate import ROCrate

from lib import params
from lib.__main__ import main
from lib.core import cache, checksums, csv_files, paths
from lib.evaluation import comparison, warnings
from lib.presentation import explorer
from lib.presentation.memo import Memo
from lib.report import delivery, uptodate
from lib.report.delivery import annex_iv, archive, model_card
from lib.report.delivery.facts import Facts
from lib.report.render import pandoc
from lib.report.render.appendix import appendix
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import ReportInfo
from lib.report.render.pdf import write_pdf
from lib.study import Run, Saved, Study

TITLE = "Teile: \"Ä\" & <b>'x'</b> # |"
GOOD, BAD, WORSE = "gut & <b>schön", "=1+1 kra\"tzer' #", "- [x](x.html) *fett*: `b`"
DETECTORS = [{"pca": {"components": 4}}, {"hog": {"label": "R&D | <i>`x`</i>: y"}}]
NOTEBOOK = paths.notebooks_folder() / "02_training.py"
LEAK = "{root}/.venv/lib/python/x.py:1: Warning, {home}/secret, {reports}/parts.failed/run"


def numbered(name, count):
    return [f"{name}/a picture's ü {number:03d}.png" for number in range(count)]


def written_params(folder, **changes):
    """A parameter file elsewhere, and its parameters."""
    values = folders.study("images", detector="pca", detectors=DETECTORS, target_fpr=0.1, **changes).model_dump()
    path = folder / f"{values['study']}.yaml"
    path.write_text(yaml.safe_dump(values | {"threshold_rule": "target_fpr"}, allow_unicode=True), encoding="utf-8")
    return path, params.load(path)


def answered(study, run):
    """Writes what the notebooks after the fit leave in the run folder."""
    rows = comparison.leaderboard(study, run)
    answer = comparison.answer(study, run, rows)
    run.update_metrics(comparison.record(run, [], None, answer))
    warnings.warnings(study, run, rows, answer)


def finish(parameters, folder, pages):
    status = {"status": "complete", "title": parameters.title, "key": uptodate.report_key(parameters), "pages": pages}
    files = {"files": checksums.of(folder)}
    cache.write_json(folder / "run" / "status.json", status | {"pdf": "", "seconds": 61.2} | files)


def rendered(parameters):
    """A report with the pages of one notebook, which is executed in this process."""
    folder = paths.reports_folder() / parameters.study
    (folder / "notebooks").mkdir(parents=True)
    study, run = Study.open(parameters), Run(folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
        path = executed(NOTEBOOK, parameters, folder / "notebooks")  # fits the detectors
    answered(study, run)
    chapters = read_chapters([path], appendix(run.read("manifest"), run.read("params")))
    info = ReportInfo(TITLE, "parts", "", "2026-11-28", (), Memo("A question?"))
    pages = write_site(chapters, info, folder, explorer=True)
    pages.append(explorer.write_explorer(study, run, folder, info.generated))
    (folder / "03_inspection.html").write_text("to which the explorer links")
    write_pdf(chapters, info, folder / "report.pdf")
    notebook = nbformat.read(path, as_version=4)  # with what papermill and the kernel leave in it
    made_at = str(folder.with_name(".parts.making") / "notebooks" / path.name)
    values = {"study": parameters.study, "images": parameters.images}
    notebook.metadata["papermill"] = {"parameters": values, "output_path": made_at}
    places = {"root": paths.ROOT, "home": Path.home(), "reports": paths.reports_folder()}
    said = [nbformat.v4.new_output("stream", name="stderr", text=LEAK.format(**places))]
    notebook.cells.append(nbformat.v4.new_code_cell("train()", outputs=said))
    nbformat.write(notebook, path)
    finish(parameters, folder, [page.relative_to(folder).as_posix() for page in pages] + ["report.pdf"])


def not_rendered(parameters):
    """A report whose pages are hardly more than names."""
    folder = paths.reports_folder() / parameters.study
    study, run = Study.open(parameters), Run(folder / "run")
    comparison.fit_and_save(study, run)
    answered(study, run)
    (folder / "notebooks").mkdir()
    jupytext.write(jupytext.read(NOTEBOOK), folder / "notebooks" / "02_training.ipynb")
    (folder / "index.html").write_text('<a href="run/metrics.json">metrics</a>')
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    finish(parameters, folder, ["index.html", "report.pdf"])


@pytest.fixture(scope="module")
def place(tmp_path_factory, own_folder):
    """A folder with images whose names are hostile, and parameter files."""
    folder = tmp_path_factory.mktemp('it\'s "ä" & <b>')
    counts = {GOOD: 60, BAD: 12, WORSE: 8}
    folders.write(folder / "images", [name for label, count in counts.items() for name in numbered(label, count)])
    folders.write(folder / "good" / "images", folders.numbered("good", 60))
    return folder


def unpacked(path, parameters, zipped, target):
    with zipfile.ZipFile(zipped) as archived:
        archived.extractall(target)
    folder = target / parameters.study
    report = paths.reports_folder() / parameters.study
    return SimpleNamespace(
        path=path, params=parameters, zip=zipped, folder=folder, report=report, facts=Facts.of(folder)
    )


@pytest.fixture(scope="module")
def parts(place, tmp_path_factory):
    """The delivery of a study of a folder, unpacked."""
    path, parameters = written_params(place, study="parts", title=TITLE, normal_class=GOOD)
    rendered(parameters)
    return unpacked(path, parameters, delivery.deliver(parameters), tmp_path_factory.mktemp("unpacked"))


@pytest.fixture(scope="module")
def good(place, tmp_path_factory):
    """The delivery of a study without anomalies, unpacked."""
    path, parameters = written_params(place / "good", study="good")
    not_rendered(parameters)
    return unpacked(path, parameters, delivery.deliver(parameters), tmp_path_factory.mktemp("unpacked"))


@pytest.fixture(scope="module", params=["parts", "good"])
def either(request):
    return request.getfixturevalue(request.param)


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- the zip


def test_two_deliveries_of_one_report_are_byte_equal(parts, tmp_path, capsys):
    os.utime(parts.report / "index.html", (0, 0))
    other = tmp_path / "new folder" / "other.zip"
    assert main(["deliver", str(parts.path), "--out", str(other)]) == 0
    assert str(other) in capsys.readouterr().out
    assert other.read_bytes() == parts.zip.read_bytes()


def test_entries_are_sorted_with_the_date_of_the_run_and_one_mode(either):
    with zipfile.ZipFile(either.zip) as archived:
        entries = archived.infolist()
        assert archived.testzip() is None
    inside = [entry.filename for entry in entries]
    assert inside == sorted(inside)
    assert all(name.startswith(f"{either.params.study}/") and ".." not in name for name in inside)
    made = datetime.fromisoformat(either.facts.manifest["created"])
    assert {entry.date_time for entry in entries} == {made.replace(second=made.second // 2 * 2).timetuple()[:6]}
    assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}


@pytest.mark.parametrize(("given", "year"), [("1700000000", 2023), ("0", 1970)])
def test_source_date_epoch_dates_the_zip(good, monkeypatch, given, year):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    assert good.facts.date.year == year


def test_the_checksums_are_those_of_every_other_file(either):
    lines = (either.folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    assert sums.keys() == names(either.folder) - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((either.folder / name).read_bytes()).hexdigest() == digest, name


def test_it_has_the_report_the_results_and_one_detector(parts):
    found = names(parts.folder)
    described = {"ro-crate-metadata.json", "model_card.md", "croissant.json", "SHA256SUMS", "params.yaml"}
    run = {f"run/{name}.json" for name in ("params", "manifest", "metrics", "fits", "status")}
    run |= {"run/scores.parquet", "run/split.csv", "run/history.csv"}
    pages = {"report.pdf", "index.html", "02_training.html", "appendix.html", "explorer.html"}
    assert found >= described | run | pages | {"requirements.lock", "LICENSE"}
    assert {name.split("/")[2] for name in found if name.startswith("run/detectors/")} == {"pca"}
    hidden = names(parts.report)
    assert {name for name in hidden - found if not name.startswith("run/detectors/")} == set()
    for name in ("report.pdf", "run/scores.parquet"):
        assert (parts.folder / name).read_bytes() == (parts.report / name).read_bytes()


def test_the_detector_of_the_zip_gives_the_scores_of_the_report(either):
    study, run = Study.open(either.params), Run(either.report / "run")
    column = run.read("metrics")["answer"]["column"]
    saved = Saved.load(either.folder / "run" / "detectors" / column)
    assert saved.threshold["value"] == run.read("metrics")["answer"]["threshold"]["value"]
    rows = study.split.test[:10]
    np.testing.assert_allclose(saved.detector.score(study.images.take(rows)), run.scores_of(column)[rows], rtol=1e-6)


def test_the_parameters_load_and_are_those_of_the_report(parts):
    loaded = params.load(parts.folder / "params.yaml")
    written = yaml.safe_load((parts.folder / "params.yaml").read_text(encoding="utf-8"))
    assert written == parts.params.model_dump()
    assert loaded.model_dump() == written | {"images": loaded.images}


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("href", "src", "srcset", "poster") and value]


def test_every_link_of_a_page_leads_to_a_file_of_the_zip(parts):
    inner = 0
    for page in parts.folder.glob("*.html"):
        for link in Links(page.read_text(encoding="utf-8")).found:
            if not re.match(r"(https?:|mailto:|data:|#)", link):
                target = (parts.folder / unquote(link.partition("#")[0])).resolve()
                assert target.is_file() and target.is_relative_to(parts.folder), (page.name, link)
                inner += 1
    assert inner > 10


def test_no_folder_of_this_machine_is_in_any_file(parts):
    kept = parts.params.images.encode()  # what the parameter set says stays
    places = {paths.ROOT, paths.cache_folder(), paths.reports_folder(), Path.home(), Path(sys.prefix), Path.cwd()}
    for name in names(parts.folder):
        content = (parts.folder / name).read_bytes()
        if name.endswith(".pdf"):
            content = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages).encode()
        for each in map(str, places):
            assert each.encode() not in content.replace(kept, b""), (name, each)
    notebook = (parts.folder / "notebooks" / "02_training.ipynb").read_text(encoding="utf-8")
    assert ".venv/lib/python/x.py:1: Warning, ~/secret, run" in notebook
    assert '"notebooks/02_training.ipynb"' in notebook


# ---------------------------------------------------------------- the crate


@pytest.fixture(scope="module")
def graph(either):
    entities = json.loads((either.folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities)
    return found


def types(entity):
    return {entity["@type"]} if isinstance(entity["@type"], str) else set(entity["@type"])


def references(value):
    if isinstance(value, dict):
        yield from [value["@id"]] if value.keys() == {"@id"} else references(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_rocrate_reads_the_crate_and_finds_every_file(either):
    crate = ROCrate(either.folder)
    found = {unquote(entity.id) for entity in crate.data_entities if "File" in types(entity.properties())}
    assert found == names(either.folder) - {"ro-crate-metadata.json"}
    assert "ComputationalWorkflow" in crate.mainEntity.type and crate.name == either.params.title
    assert all((either.folder / unquote(each.id)).exists() for each in crate.data_entities)


def test_the_crate_has_what_its_profiles_demand(graph):
    described, root = graph["ro-crate-metadata.json"], graph["./"]
    assert described["about"] == {"@id": "./"} and {"@id": "https://w3id.org/ro/crate/1.1"} in described["conformsTo"]
    assert types(root) == {"Dataset"} and {"name", "description", "datePublished", "license"} <= root.keys()
    datetime.fromisoformat(root["datePublished"])
    profiles = {each["@id"] for each in root["conformsTo"]}
    assert {f"https://w3id.org/ro/wfrun/{profile}/0.5" for profile in ("process", "workflow")} <= profiles
    main = graph[root["mainEntity"]["@id"]]
    assert types(main) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert all("FormalParameter" in types(graph[each["@id"]]) for each in main["input"] + main["output"])
    files = {name for name, entity in graph.items() if "File" in types(entity)}
    assert files <= {each["@id"] for each in root["hasPart"]}


def test_everything_that_the_crate_refers_to_is_in_it(graph):
    outside = {"https://w3id.org/ro/crate/1.1"}
    for entity in graph.values():
        for name in references([value for key, value in entity.items() if key != "@id"]):
            assert name in graph or name in outside, (entity["@id"], name)


def test_the_run_says_what_went_in_and_what_came_out(graph, either):
    (run,) = [entity for entity in graph.values() if "CreateAction" in types(entity)]
    assert run["instrument"] == graph["./"]["mainEntity"]
    ended, started = (datetime.fromisoformat(run[key]) for key in ("endTime", "startTime"))
    assert started == datetime.fromisoformat(either.facts.manifest["created"])
    assert (ended - started).total_seconds() == 61
    values = [graph[each["@id"]] for each in run["object"] if "PropertyValue" in types(graph[each["@id"]])]
    schema = {graph[value["exampleOfWork"]["@id"]]["name"]: value["value"] for value in values}
    expected = either.params.model_dump()
    assert {
        name: json.loads(value) if isinstance(expected[name], list) else value for name, value in schema.items()
    } == (expected)
    assert graph["#data"]["identifier"] == either.facts.manifest["data"]["fingerprint"]
    results = {each["@id"] for each in run["result"]}
    assert {"run/scores.parquet", "run/metrics.json", "report.pdf", "index.html"} <= results
    assert not {"author", "creator", "agent"} & {key for entity in graph.values() for key in entity}  # none is known


def test_hashes_and_sizes_in_the_crate_are_those_of_the_files(graph, either):
    hashed = {unquote(name): entity for name, entity in graph.items() if "sha256" in entity}
    assert hashed.keys() == names(either.folder) - {"ro-crate-metadata.json", "SHA256SUMS"}
    for name, entity in hashed.items():
        content = (either.folder / name).read_bytes()
        assert entity["sha256"] == hashlib.sha256(content).hexdigest() and entity["contentSize"] == str(len(content))


def test_the_workflow_lists_the_notebooks_with_their_parameters(parts):
    workflow = cache.read_json(parts.folder / "notebooks" / "workflow.json")
    assert workflow["steps"] == [{"notebook": "02_training.ipynb", "parameters": ["images", "study"]}]


# ---------------------------------------------------------------- the model card


def card_of(delivered):
    """The header, and the text as plain words by pandoc."""
    text = (delivered.folder / "model_card.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    header, body = text.removeprefix("---\n").split("\n---\n", 1)
    return yaml.safe_load(header), body, pandoc.plain(_blocks(body))


def _blocks(body):
    return json.loads(pypandoc.convert_text(body, "json", format="gfm"))["blocks"]


def test_the_header_has_the_metrics_of_the_run(parts):
    header, _, _ = card_of(parts)
    (model,) = header["model-index"]
    (result,) = model["results"]
    assert {"type", "name"} <= result["task"].keys() & result["dataset"].keys()
    answer = parts.facts.metrics["answer"]
    assert model["name"] == answer["detector"] and header["license"] == "unknown" and "library_name" not in header
    found = {metric["type"]: (metric["value"], metric["args"]["interval_95"]) for metric in result["metrics"]}
    expected = {
        "roc_auc": answer["auroc"],
        "recall": answer["at"]["recall"],
        "false_positive_rate": answer["at"]["fpr"],
    }
    for kind, metric in expected.items():
        assert found[kind] == (metric["value"], [metric["low"], metric["high"]])


def test_a_detector_with_a_keras_model_names_the_library(good, tmp_path):
    folder = shutil.copytree(good.folder, tmp_path / "good")
    (Facts.of(folder).detector / "model.keras").touch()
    assert "library_name: keras" in model_card.model_card(Facts.of(folder))


def test_sets_and_decisions_are_counted_from_the_scores(parts):
    _, body, _ = card_of(parts)
    scores = pd.read_parquet(parts.report / "run" / "scores.parquet")
    at = parts.facts.metrics["answer"]["at"]
    test = scores[scores["part"] == "test"]
    flagged = test["pca"] > parts.facts.metrics["answer"]["threshold"]["value"]
    counts = [(flagged & (test["label"] == label)).sum() for label in (1, 0)]
    assert counts == [at["tp"], at["fp"]]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in body.splitlines() if line.startswith("| ")]
    cells = {row[0]: row[1:] for row in rows}
    for name, part in {"Fitted on": "fit", "Calibration": "calibration", "Test": "test"}.items():
        own = scores[scores["part"] == part]["label"]
        assert cells[name][:2] == [f"{(own == label).sum():,}" for label in (0, 1)], name
    assert (
        cells["AUROC"][0] == f"{parts.facts.metrics['answer']['auroc']['value']:.4f}" and cells["AUROC"][2] == "0.5000"
    )
    missed = test[~flagged & (test["label"] == 1)].sort_values(["pca", "id"])["id"]
    assert f"{at['fn']:,} anomal" in body and (missed.empty or missed.iloc[0] in body)


def test_hostile_names_are_shown_as_they_are(parts):
    header, body, plain = card_of(parts)
    assert header and TITLE in plain and GOOD in plain and BAD in plain and WORSE in plain
    elements = list(pandoc.elements(_blocks(body)))
    assert not [each for each in elements if each["t"] in ("RawInline", "RawBlock")]
    links = {each["c"][2][0] for each in elements if each["t"] == "Link"}
    assert "x.html" not in links and {each["t"] for each in elements} >= {"Table", "Header", "BulletList"}


def test_the_card_says_what_the_threshold_guarantees(parts):
    _, _, plain = card_of(parts)
    calibration = parts.facts.metrics["answer"]["calibration"]
    assert f"set by split conformal calibration on {calibration} calibration images" in plain
    assert "at most 10.0 % are flagged, on average" in plain and "It guarantees no rate" not in plain


@pytest.mark.parametrize("rule", ["fixed", "max_f1"])
def test_a_threshold_that_guarantees_nothing_says_so(parts, rule):
    answer = parts.facts.metrics["answer"]
    answer = answer | {"threshold": answer["threshold"] | {"rule": rule, "saw": "9 validation images"}, "alpha": None}
    facts = dataclasses.replace(parts.facts, metrics=parts.facts.metrics | {"answer": answer})
    card = model_card.model_card(facts)
    assert "It guarantees no rate" in card and "conformal" not in card


def test_without_anomalies_no_metric_is_invented(good):
    header, body, plain = card_of(good)
    (result,) = header["model-index"][0]["results"]
    assert [metric["type"] for metric in result["metrics"]] == ["false_positive_rate"]
    assert not re.search(r"AUROC|Recall|\bnan\b|\bNone\b(?! flagged)", body)
    assert "There is no anomaly to test it on" in plain and "Anomalies: none." in plain


def test_the_lines_for_use_run_as_they_are(parts, tmp_path, monkeypatch):
    _, body, _ = card_of(parts)
    (snippet,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    monkeypatch.chdir(parts.folder.parent)
    shutil.copytree(paths.params_folder() / parts.params.images, parts.folder.parent / "new")
    result = {}
    exec(snippet, result)
    assert len(result["table"]) == 80 and set(result["table"]["decision"]) <= {"normal", "flagged"}
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(parts.folder.parent))
    assert "make score STUDY=parts IMAGES=new OUT=scores.csv" in body
    assert main(["score", "parts", "new", "--out", str(tmp_path / "scores.csv")]) in (0, 1)
    scored = pd.read_csv(tmp_path / "scores.csv")["score"]
    np.testing.assert_allclose(scored, result["table"]["score"], rtol=1e-6)


def test_the_table_of_annex_iv_has_every_point_and_claims_nothing(parts):
    _, body, _ = card_of(parts)
    assert "complian" not in body.lower() and "complies" not in body.lower()
    rows = body.split(annex_iv.TITLE)[1].splitlines()
    points = {row.split("|")[1].strip().split(" ")[0] for row in rows if row.startswith("| ")} - {"Point"}
    assert points == {*"123456789"} and "not covered" in body
    for name in re.findall(r"`([\w/]+\.\w+)`", body.split(annex_iv.TITLE)[1]):
        assert any(path.name == Path(name).name for path in parts.folder.rglob("*")), name
    for section in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", body.split(annex_iv.TITLE)[1]):
        assert f"\n## {section}\n" in body, section


def test_sentences_of_the_card_are_whole(either):
    _, body, plain = card_of(either)
    assert not re.search(r"\b(nan|None|inf)\b(?! flagged)|\{|\}|\( ?\)| ,| \.( |$)|\.ipynb", plain)
    links = [each["c"][2][0] for each in pandoc.elements(_blocks(body)) if each["t"] == "Link"]
    assert all((either.folder / link).is_file() for link in links)


# ---------------------------------------------------------------- the images


def test_the_list_of_images_has_the_hash_the_class_and_the_set_of_each(parts):
    root = paths.params_folder() / parts.params.images
    with (parts.folder / "images.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80 and {row["class"] for row in rows} == {GOOD, f"'{BAD}", f"'{WORSE}"}
    split = csv_files.read(parts.folder / "run" / "split.csv").set_index("id")["part"]
    for row in rows:
        name = row["id"].removeprefix("'") if row["id"][:2] in ("'=", "'-") else row["id"]
        assert row["sha256"] == hashlib.sha256((root / name).read_bytes()).hexdigest()
        assert row["label"] == ("normal" if row["class"] == GOOD else "anomaly") and row["part"] == split[name]
    described = cache.read_json(parts.folder / "croissant.json")
    files = {unquote(each["contentUrl"]): each["sha256"] for each in described["distribution"]}
    assert len(files) == 81 and files["images.csv"] == checksums.of_file(parts.folder / "images.csv")
    assert described["license"] == "unknown"


@pytest.mark.registry
@pytest.mark.timeout(900)
def test_mlcroissant_reads_the_list_of_images(parts, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "mlcroissant"], check=True, env=ENVIRONMENT)
    code = """
import sys, mlcroissant
dataset = mlcroissant.Dataset(sys.argv[1])
print(sorted(record["images/sha256"].decode() for record in dataset.records("images")))
print(dataset.metadata.ctx.issues.errors)
"""
    read = subprocess.run(
        [python, "-c", code, parts.folder / "croissant.json"], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert read.returncode == 0, read.stderr
    hashes, errors = read.stdout.splitlines()
    assert len(json.loads(hashes.replace("'", '"'))) == 80 and errors in ("set()", "[]")


# ---------------------------------------------------------------- what is refused


def one_line(capsys):
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1 and "Traceback" not in said, said
    return said


def left(parts):
    """What a delivery has left beside the report, finished or not."""
    return sorted(path.name for path in parts.report.parent.glob("*parts*zip*"))


@pytest.fixture
def spoilt(parts, tmp_path):
    """The report with a change that is taken back."""
    aside = shutil.copytree(parts.report, tmp_path / "aside")
    parts.zip.rename(tmp_path / "aside.zip")
    yield parts
    shutil.rmtree(parts.report, ignore_errors=True)
    shutil.rmtree(parts.report.with_name("parts.failed"), ignore_errors=True)
    shutil.copytree(aside, parts.report)
    (tmp_path / "aside.zip").rename(parts.zip)


def status(parts, **changes):
    path = parts.report / "run" / "status.json"
    cache.write_json(path, cache.read_json(path) | changes)


def missing(parts):
    shutil.rmtree(parts.report)


def failed(parts):
    parts.report.rename(parts.report.with_name("parts.failed"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (missing, "there is no report of it"),
        (failed, "its last run failed"),
        (lambda parts: status(parts, status="failed"), "not complete"),
        (lambda parts: status(parts, pdf="no font"), "the PDF could not be made"),
        (lambda parts: status(parts, key="x"), "older than the code"),
        (lambda parts: (parts.report / "explorer.html").unlink(), "a page of it is missing"),
    ],
    ids=["missing", "failed", "not complete", "no PDF", "older code", "missing page"],
)
def test_a_report_that_cannot_be_handed_over_is_one_line(spoilt, capsys, spoil, words):
    spoil(spoilt)
    assert main(["deliver", str(spoilt.path)]) == 2
    said = one_line(capsys)
    assert words in said and "make report STUDY=parts" in said and not left(spoilt)


def test_a_report_of_other_parameters_is_refused(parts, tmp_path, capsys):
    path = tmp_path / "parts.yaml"
    values = parts.params.model_dump() | {"target_fpr": 0.2, "images": str(paths.params_folder() / parts.params.images)}
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert main(["deliver", str(path)]) == 2
    assert "its report was made with another target_fpr" in one_line(capsys)


def test_a_link_to_nothing_is_refused(spoilt, capsys):
    (spoilt.report / "notebooks" / "02_training.ipynb").unlink()
    files = cache.read_json(spoilt.report / "run" / "status.json")["files"]
    status(spoilt, files={name: value for name, value in files.items() if name != "notebooks/02_training.ipynb"})
    assert main(["deliver", str(spoilt.path)]) == 2
    assert "links to notebooks/02_training.ipynb, which is not there" in one_line(capsys) and not left(spoilt)


@pytest.mark.parametrize("out", ["x.tar", "parts/x.zip"])
def test_a_place_that_will_not_do_is_refused(parts, capsys, out):
    assert main(["deliver", str(parts.path), "--out", str(parts.report.parent / out)]) == 2
    assert "OUT=" in one_line(capsys)


def test_a_full_disk_leaves_the_last_zip_and_no_other(parts, capsys, monkeypatch):
    before = parts.zip.read_bytes()

    def full(folder, target, *_):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "write", full)
    assert main(["deliver", str(parts.path)]) == 2
    assert "no space left" in one_line(capsys)
    assert parts.zip.read_bytes() == before and left(parts) == ["parts.zip"]


def test_dates_before_zips_are_the_first_that_a_zip_can_hold(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").write_text("a")
    archive.write(tmp_path / "x", tmp_path / "x.zip", datetime(1970, 1, 1, tzinfo=UTC))
    with zipfile.ZipFile(tmp_path / "x.zip") as archived:
        assert archived.infolist()[0].date_time[0] == 1980


# Last: an image that is written again counts as changed, whatever is in it.
def test_images_that_changed_are_refused(parts, place, capsys):
    picture = place / "images" / numbered(GOOD, 1)[0]
    content, times = picture.read_bytes(), picture.stat()
    try:
        picture.write_bytes(content + b" ")
        assert main(["deliver", str(parts.path)]) == 2
    finally:
        picture.write_bytes(content)
        os.utime(picture, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "make report STUDY=parts" in one_line(capsys)
