"""What data, names and files cannot do: run code, write elsewhere, reach a shell, Typst or pandoc, steer a terminal."""

import ast
import importlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import render_material as material
from conftest import ENVIRONMENT, load_script
from small_digits import digits
from test_explorer import made
from watched import PAYLOADS, check_pages

from lib import detectors, params
from lib.__main__ import main
from lib.core import archives, cache, characters, csv_files
from lib.core.backend import keras
from lib.core.errors import UserError
from lib.data import files, splits
from lib.detectors.reconstruction.networks.network import Network
from lib.detectors.specs import Spec
from lib.evaluation import scoring
from lib.presentation import tables
from lib.presentation.explorer.page import page_of
from lib.presentation.memo import Box, Memo
from lib.presentation.tables.markdown import literal
from lib.report import studies
from lib.report.render import pandoc
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import RenderError, ReportInfo
from lib.report.render.pdf import write_pdf
from lib.study import Saved

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for folder in ("lib", "notebooks", "benchmarks", ".ci") for path in (ROOT / folder).rglob("*.py"))
CHECKPOINT = "lib/detectors/features/networks/checkpoint.py"  # an unpickler with four names, of one file known by hash


# ---------------------------------------------------------------- no code from data

FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "np.fromfile", "numpy.fromfile"),
    *("pd.read_pickle", "pandas.read_pickle", "torch.load", "joblib.load", "joblib.dump", "yaml.unsafe_load"),
    *("yaml.full_load", "keras.config.enable_unsafe_deserialization", "marshal.loads", "tf.saved_model.load"),
    *("keras.models.load_model", "keras.layers.Lambda", "keras.layers.TFSMLayer", "tempfile.mktemp"),
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "torch", "xmlrpc"}


def dangers(source):
    """What a source text must not have, with its lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"line {node.lineno}: imports {name}" for name in names if name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN:
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call):
            called, given = ast.unparse(node.func), {each.arg: ast.unparse(each.value) for each in node.keywords}
            if called in FORBIDDEN:
                yield f"line {node.lineno}: {called}"
            if given.get("shell", "False") != "False" or given.get("allow_pickle", "False") != "False":
                yield f"line {node.lineno}: {called} with a shell or with pickles"
            if called.endswith("load_model") and given.get("safe_mode") != "True":
                yield f"line {node.lineno}: {called} without safe_mode=True"
            if called == "yaml.load" and "Loader" not in given.get("Loader", ""):
                yield f"line {node.lineno}: {called} without a loader"
            if (
                called.startswith("subprocess.")
                and node.args
                and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
            ):
                yield f"line {node.lineno}: {called} of a line instead of a list"


def test_no_source_runs_code_of_data():
    assert len(SOURCES) > 200
    found = {path.relative_to(ROOT).as_posix(): [*dangers(path.read_text(encoding="utf-8"))] for path in SOURCES}
    assert [each for each in found.pop(CHECKPOINT) if "imports pickle" not in each] == []
    notebooks = found.pop("lib/report/verification/recomputed.py")  # it executes this project's own notebooks
    assert [each.partition(": ")[2] for each in notebooks] == ["exec", "compile"]
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from joblib import dump", "np.load(p, allow_pickle=True)", "pd.read_pickle(p)", "eval(x)"),
        *("os.system(x)", "subprocess.run(x, shell=True)", "subprocess.run('ls ' + x, shell=x)", "yaml.load(x)"),
        *(
            "keras.saving.load_model(p)",
            "keras.models.load_model(p, safe_mode=False)",
            "torch.load(p)",
            "f = os.system",
        ),
        *("keras.config.enable_unsafe_deserialization()", "keras.layers.Lambda(f)", "subprocess.run(f'ls {x}')"),
    ],
)
def test_the_search_finds_what_it_looks_for(code):
    assert list(dangers(code))


def test_yaml_is_loaded_by_a_safe_loader_alone():
    assert issubclass(importlib.import_module("lib.core.strict_yaml")._Loader, __import__("yaml").SafeLoader)


# ---------------------------------------------------------------- Keras files


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A `.keras` file with its configuration and weights, as a study saves it, and its folder."""
    folder = tmp_path_factory.mktemp("network")
    own = detectors.spec("autoencoder", {"image_size": 16, "latent_dim": 2, "epochs": 1, "batch_size": 64}, {}).create()
    own.fit(digits(8), np.arange(8))
    own.save(folder)
    return folder


def rewritten(kept, folder, change, compress=zipfile.ZIP_STORED):
    """A copy of the saved detector whose archive has other members: `change(members)`, bytes by name."""
    for file in kept.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with zipfile.ZipFile(kept / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(folder / "model.keras", "w", compress) as archive:
        for name, content in change(dict(members)).items():
            archive.writestr(name, content)
    return folder


def refused(folder):
    """The line of a saved detector that cannot be loaded."""
    with pytest.raises(UserError) as caught:
        detectors.load(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)


UNREADABLE = "not a Keras model that can be re"  # the line is cut where it is long


def config_with(**changes):
    def change(members):
        config = json.loads(members["config.json"]) | changes
        return members | {"config.json": json.dumps(config).encode()}

    return change


def weights(write):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    return lambda members: members | {"model.weights.h5": buffer.getvalue()}


def test_a_saved_network_loads_unchanged(kept, tmp_path):
    own, again = detectors.load(kept), detectors.load(rewritten(kept, tmp_path, lambda members: members))
    np.testing.assert_array_equal(own.score(digits(8)), again.score(digits(8)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (config_with(class_name="Lambda", module="keras.layers", registered_name=None), "could run code (Lambda)"),
        (config_with(class_name="__lambda__", config={"value": ["4wAA", None, None]}), "could run code (__lambda__)"),
        (config_with(class_name="system", module="os", registered_name="os>system"), "could run code (os>system)"),
        (config_with(class_name="system", module="os", registered_name=None), "could run code (os.system)"),
        (config_with(registered_name="evil>AutoencoderModel"), "could run code (evil>AutoencoderModel)"),
        (config_with(class_name="Run", registered_name="lib>Run"), "could run code (lib>Run)"),
        (config_with(class_name="json", registered_name=None), "could run code (lib.detectors"),
        (config_with(class_name="get_file", module="keras.utils", registered_name=None, config={"fname": "x", "origin":
         "file:///etc/passwd"}), UNREADABLE),
        (config_with(compile_config={"class_name": "Lambda"}), "could run code (Lambda)"),
        (lambda members: members | {"../../escaped.txt": b"x"}, "'../../escaped.txt', which Keras does not write"),
        (lambda members: members | {"/tmp/escaped.txt": b"x"}, "which Keras does not write"),
        (lambda members: members | {"assets/run.py": b"x"}, "which Keras does not write"),
        (lambda members: {name: members[name] for name in members if name != "model.weights.h5"}, UNREADABLE),
        (lambda members: members | {"config.json": b"["}, UNREADABLE),
        (lambda members: members | {"config.json": b"[" * 200_000}, UNREADABLE),
        (lambda members: members | {"model.weights.h5": members["model.weights.h5"][:3000]}, UNREADABLE),
        (weights(lambda file: file.create_dataset("x", (2**40,), "f4", chunks=(1024,))), "far more than its size"),
        (weights(lambda file: file.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/x"))), "have a link, 'x'"),
        (weights(lambda file: file.__setitem__("x", h5py.SoftLink("/"))), "have a link, 'x'"),
        (weights(lambda file: file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)])), "another file"),
        (weights(lambda file: file.__setitem__("x", file["/"])), "round in a circle"),
    ],
)  # fmt: skip
def test_a_harmful_network_is_one_line(kept, tmp_path, change, words, monkeypatch):
    monkeypatch.setattr(archives, "OBJECTS", 500)
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("ran"))
    before = set(tmp_path.parent.iterdir())
    assert words in refused(rewritten(kept, tmp_path, change))
    assert set(tmp_path.parent.iterdir()) == before and not Path("/tmp/escaped.txt").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(kept, tmp_path):
    bomb = rewritten(kept, tmp_path, lambda members: members | {"model.weights.h5": bytes(2**28)}, zipfile.ZIP_DEFLATED)
    assert (bomb / "model.keras").stat().st_size < 2**20
    assert "unpacks to 268,4" in refused(bomb)


@pytest.mark.parametrize("length", [0, 10, 5000])
def test_a_network_cut_short_is_one_line(kept, tmp_path, length):
    rewritten(kept, tmp_path, lambda members: members)
    (tmp_path / "model.keras").write_bytes((tmp_path / "model.keras").read_bytes()[:length])
    assert "not a Keras model that can be read" in refused(tmp_path)


def test_the_same_holds_for_a_backbone_of_the_user(tmp_path):
    image = keras.Input((16, 16, 3))
    path = tmp_path / "own.keras"
    keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(path)
    assert archives.load(path).output_shape == (None, 14, 14, 2)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../x", b"")
    with pytest.raises(archives.Refused, match="which Keras does not write"):
        archives.load(path)


def test_the_settings_of_a_network_name_no_code(kept, tmp_path):
    rewritten(kept, tmp_path, lambda members: members)
    cache.write_json(tmp_path / "settings.json", {"image_shape": [16, 16, 1], "__class__": "os.system"})
    with pytest.raises(UserError, match="not a fitted network"):
        Network.load(tmp_path)


# ---------------------------------------------------------------- no pickles


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.fixture
def saved(tmp_path):
    """A saved detector, complete, and a mark that must not appear."""
    folder = tmp_path / "pca"
    own = detectors.spec("pca", {"image_size": 16, "components": 2}, {}).create()
    own.fit(digits(8), np.arange(8))
    own.save(folder)
    for name in ("threshold", "provenance"):
        cache.write_json(folder / f"{name}.json", {})
    np.save(folder / "calibration.npy", np.zeros(3))
    pd.DataFrame({"id": ["a"]}).to_parquet(folder / "calibration.parquet")
    Saved.load(folder)
    return folder, tmp_path / "ran"


@pytest.mark.parametrize("name", ["calibration.npy", "embeddings.npy", "state.npz", "normal.npz"])
def test_pickles_in_a_saved_detector_are_refused(saved, name):
    folder, mark = saved
    objects = np.array([Harmful(mark)], object)
    if name.endswith(".npy"):
        np.save(folder / name, objects, allow_pickle=True)
    else:
        np.savez(folder / name, ids=objects, components=objects)
    with pytest.raises(UserError) as caught:
        Saved.load(folder).normal(0)
    assert "\n" not in str(caught.value) and not mark.exists()


def test_an_array_that_is_said_to_be_huge_is_one_line(saved):
    folder, _ = saved
    with open(folder / "calibration.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**52,)})
    with pytest.raises(UserError):
        Saved.load(folder)


def test_a_detector_record_names_no_module(saved):
    folder, _ = saved
    for kind in ("os.system", "../pca", "pca\n", ["pca"], {"a": 1}, "lib.detectors.base"):
        cache.write_json(folder / "detector.json", {"kind": kind, "options": {}})
        with pytest.raises(UserError):
            detectors.load(folder)


# ---------------------------------------------------------------- CSV and terminals

FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "\ta", "\ra", "\na", " =1", "\u00a0=1", "＝1", "'=1", "''+1", "' @x", "-",
            "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\")"]  # fmt: skip
HARMLESS = ["a=b", "", "a", "'a", "it's", "NA", "nan", "1e5", "007", "a,b", 'a"b', "a\nb", "a\r\nb", " lead", "é\u2028"]


def test_a_table_has_every_text_again_and_no_cell_is_computed(tmp_path):
    frame = pd.DataFrame({"id": FORMULAS + HARMLESS, "score": np.linspace(-1, 1, len(FORMULAS + HARMLESS))})
    csv_files.write(frame, tmp_path / "t.csv")
    assert csv_files.read(tmp_path / "t.csv")["id"].tolist() == frame["id"].tolist()
    plain = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert not [cell for cell in plain["id"] if cell.strip().startswith(("=", "+", "-", "@", "＝"))]
    assert plain["id"].is_unique and np.array_equal(plain["score"], frame["score"])
    assert set(HARMLESS) <= {*plain["id"], "a\r\nb"}


def test_a_split_is_read_back_with_hostile_ids(tmp_path):
    ids = FORMULAS + HARMLESS
    parts = np.array_split(np.arange(len(ids)), 5)
    split = splits.Split(**dict(zip((*splits.PARTS, "dropped"), parts, strict=True)))
    csv_files.write(splits.to_table(split, ids), tmp_path / "split.csv")
    again = splits.from_table(csv_files.read(tmp_path / "split.csv"), ids)
    assert all(np.array_equal(getattr(split, part), getattr(again, part)) for part in splits.PARTS)


def test_every_csv_is_written_by_one_function():
    for path in (ROOT / "lib").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        found = {ast.unparse(call.func).rpartition(".")[2] for call in calls if any(
            each.arg == "index" for each in call.keywords)} & {"to_csv"}  # fmt: skip
        name = path.relative_to(ROOT / "lib").as_posix()
        assert not found or name in {"core/csv_files.py", "data/images.py"}, name  # the latter makes a key of the text


def test_errors_and_names_cannot_steer_a_terminal(capsys, tmp_path):
    steering = "a\x1b]0;title\x07\x1b[2J\x9b31m\rb\u202ec\x00"
    assert not set(characters.terminal(steering)) & set("\x1b\x07\x9b\r\u202e\x00")
    assert str(UserError(f"x: {steering}")) == f"x: {characters.terminal(steering)}"
    assert main(["params", f"no\x1b[31m{steering}"]) == 2
    printed = capsys.readouterr()
    assert "U+001B" in printed.err and not set(printed.err + printed.out) & set("\x1b\x07\x9b\u202e\x00")
    assert str(UserError("one\ntwo")) == "one two"


def test_names_that_are_printed_cannot_steer_a_terminal(capsys):
    """Every name that a command prints comes by one of the functions above, or is a study's, of letters and digits."""
    steering = "a\x1b[2Jb"
    source = type("Source", (), {"unreadable_share": 0.9})
    importlib.import_module("lib.data.preparation")._check_unreadable(source, [[steering, steering]], 9, False)
    assert capsys.readouterr().err == "cannot read a[U+001B][2Jb: a[U+001B][2Jb\n"


# ---------------------------------------------------------------- places


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "a b", ".", "", "A", "x\n", "x;y", "$(x)", "x\x00", "é"])
def test_a_study_cannot_be_named_like_a_path(name, tmp_path):
    with pytest.raises(UserError):
        params.collect({"study": name})


@pytest.mark.parametrize(
    "label", ["../../x", "/etc/passwd", "..", "a/../../b", "x\x00y", "$(touch x)", "CON", *PAYLOADS]
)
def test_a_label_makes_a_folder_name_of_letters_alone(label):
    try:
        own: Spec = detectors.spec("pca", {"label": label}, {})
    except UserError:
        return
    assert re.fullmatch(r"[a-z0-9_]+", own.name)


@pytest.mark.parametrize("words", [["../x"], ["/etc"], ["digits", "--detector", "../../x"], [".", "--detector", "x"]])
def test_scoring_opens_no_folder_elsewhere(words, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert main(["score", words[0], str(tmp_path), "--out", str(out), *words[1:]]) == 2
    assert not out.exists() and len(capsys.readouterr().err.strip().splitlines()) == 1


def test_scores_overwrite_nothing_but_scores(tmp_path, capsys):
    other = tmp_path / "accounts.csv"
    other.write_text("name,amount\na,1\n")
    page = tmp_path / "new.html"
    page.write_text("<p>my own page</p>")
    broken = tmp_path / "odd.parquet"
    broken.write_bytes(b"no parquet")
    for out in (other, tmp_path / "new.csv", broken):
        with pytest.raises(UserError, match=r"OUT=.*not a (table|page) of scores"):
            scoring.check_output(out, "images")
    assert other.read_text() == "name,amount\na,1\n" and page.read_text() == "<p>my own page</p>"
    frame = pd.DataFrame({"file": ["a"], "score": [1.0], "threshold": [2.0], "decision": ["normal"], "p_value": [1.0],
                          "problem": [""]})  # fmt: skip
    for name in ("s.csv", "s.parquet"):
        scoring.write(frame, tmp_path / name)
        scoring.check_output(tmp_path / name, "images")
    (tmp_path / "link.csv").symlink_to(other)
    with pytest.raises(UserError, match="not a table of scores"):
        scoring.check_output(tmp_path / "link.csv", "images")


def test_links_in_a_folder_of_images_lead_nowhere_else(tmp_path):
    inside, outside = tmp_path / "images", tmp_path / "secret"
    for folder in (inside / "good", outside):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(b"x")
    (inside / "loop").symlink_to(inside)
    (inside / "good" / "up").symlink_to("../..")
    (inside / "away").symlink_to(outside)
    (inside / "self.png").symlink_to("self.png")
    (inside / "gone.png").symlink_to(outside / "gone.png")
    (inside / "passwd.png").symlink_to(outside / "a.png")
    found = files.below(inside)
    assert found.links == 3 and {*found.paths, *(name for name, _ in found.unreadable)} <= {
        *("good/a.png", "self.png", "gone.png", "passwd.png")
    }


# ---------------------------------------------------------------- Typst and pandoc

CODE = [
    '#read("/etc/passwd")', '#import "/etc/passwd"', '#eval("1 + 1")', "#{panic()}", "#set page(fill: red)", "$x$ #[a]",
    "`#panic()`{=typst}", "```{=typst}\n#panic()\n```",
    "```{=html}\n<script>alert(1)</script>\n```", "\\u{41}\\#panic()",
    "\\input{/etc/passwd}", "\\write18{touch x}", "---\ntitle: x\n---", "% title",
    "<!-- -->", "$$\\input{x}$$", "@key <label>",
    "![x](/etc/passwd)", "]#panic()[", '"]) #panic()', "*/ #panic() /*", "// x",
    "#show: it => panic()", "\\end{document}",
    "~ -- ... -?", "= heading", "/ term: x", "https://evil.invalid/#panic()", "{{< include /etc/passwd >}}",
]  # fmt: skip


def hostile_report(folder, names):
    """Chapters and the first page of a report that has the names wherever a name may stand."""
    frame = pd.DataFrame({"Class": [literal(name) for name in names], "Images": range(len(names))})
    prose = "\n\n".join(f"Class {literal(name)} here." for name in names)
    alt = " ".join(map(characters.readable, names))
    caption = f"Classes {', '.join(map(literal, names))}."
    cells = [
        material.text("# Names\n\nText."),
        material.code("x", material.prose(prose)),
        material.code("x", material.table("tab-a", tables.to_markdown(frame), caption=caption)),
        material.code("x", material.figure("fig-a", caption=caption, alt=alt)),
        material.code("x", material.stdout("\n".join(names))),
    ]
    shown = " ".join(names)
    memo = Memo(
        question=shown,
        answer=caption,
        in_use=caption,
        boxes=tuple(Box(name, name, name) for name in names[:3]),
        warnings=tuple(map(literal, names)),
        next_steps=(caption,),
    )
    facts = tuple((name, name) for name in names)
    info = ReportInfo(shown, "names", shown, "2026-11-25", facts, memo)
    return read_chapters([material.write(folder, "01_page", *cells)]), info


def test_no_name_is_code_of_typst(tmp_path):
    chapters, info = hostile_report(tmp_path, CODE)
    write_pdf(chapters, info, tmp_path / "report.pdf")  # a panic, a read or an unknown label would end it
    import pypdf

    shown = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "report.pdf").pages)
    shown = re.sub(r"\s|\u200b|-", "", shown)
    assert "root:" not in shown and re.sub(r"\s", "", 'Class#read("/etc/passwd")here.') in shown
    assert all(
        re.sub(r"\s|-", "", f"Class{name}here.") in shown for name in ("#{panic()}", '#eval("1 + 1")', "$x$ #[a]")
    )


@pytest.mark.parametrize("file", ["/etc/passwd", "/../../../etc/passwd", "../../../etc/passwd"])
def test_typst_reads_nothing_outside_its_folder(tmp_path, monkeypatch, file):
    chapters, info = hostile_report(tmp_path, ["plain"])
    usual = pandoc.write

    def with_read(parts, form, *options):
        return [f'{text}\n#read("{file}")' for text in usual(parts, form, *options)]

    monkeypatch.setattr(pandoc, "write", with_read)
    # A path that climbs out is no error of the document, and `make report` makes one line of it all the same.
    with pytest.raises((RenderError, RuntimeError), match=r"would escape the project root|file not found") as caught:
        write_pdf(chapters, info, tmp_path / "report.pdf")
    assert "root:" not in str(caught.value) and not (tmp_path / "report.pdf").exists()


@pytest.mark.parametrize("text", [each for each in CODE if "{=" in each or "input" in each or each.startswith("![")])
def test_raw_code_in_markdown_is_refused_or_text(text, tmp_path):
    """Markdown as such, not a name: titles and captions of a plug-in, say."""
    notebook = material.write(tmp_path, "01_page", material.text(f"# T\n\n{text}\n"))
    try:
        chapters = read_chapters([notebook])
    except UserError as error:
        assert "\n" not in str(error)
        return
    info = ReportInfo("T", "t", "", "2026-11-25", (), Memo("Q?"))
    write_site(chapters, info, tmp_path / "site")
    page = (tmp_path / "site" / "01_page.html").read_text(encoding="utf-8")
    assert "<script>" not in page and "root:" not in page


# ---------------------------------------------------------------- make

MAKE = ["$(shell touch made)", "`touch made`", "$$(touch made)", ";touch made", "x' ; touch made '", '"; touch made; "',
        "$(eval $(shell touch made))", "| touch made", "x\ntouch made", "-x --y", "${shell touch made}"]  # fmt: skip


@pytest.fixture
def project(tmp_path):
    """The Makefile beside a Python that notes its arguments, one in each line."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for name in ("requirements.lock", "pyproject.toml", ".ci/venv.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || printf "%s\\0" "$@" > asked\n')
    python.chmod(0o755)
    (tmp_path / ".venv/.ok").write_text(json.dumps({"folder": str(tmp_path)}) + "\n")
    return tmp_path


@pytest.mark.parametrize("value", MAKE)
@pytest.mark.parametrize("where", ["command line", "environment"])
def test_no_value_given_to_make_is_run(project, value, where):
    own = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GPU"))}
    for target, names in {
        "report": ["STUDY"],
        "study": ["NAME", "IMAGES", "NORMAL"],
        "score": ["STUDY", "IMAGES", "OUT", "DETECTOR", "THRESHOLD", "FDR"],
        "synthetic": ["FOLDER"],
    }.items():
        (project / "asked").unlink(missing_ok=True)
        given = dict.fromkeys(names, value)
        arguments = [f"{name}={text}" for name, text in given.items()] if where == "command line" else []
        environment = own | (given if where == "environment" else {})
        done = subprocess.run(
            ["make", target, *arguments], cwd=project, env=environment, capture_output=True, text=True
        )
        assert not (project / "made").exists(), (target, done)
        asked = (project / "asked").read_text().split("\0")[:-1]
        passed = [word for word in asked if value in word]
        assert len(passed) == len(names), (target, asked)


def test_the_name_of_a_file_to_make_is_not_run(project):
    for name in ("$(shell touch made)", "x;touch made", "`touch made`", "x'y;touch made;'"):
        subprocess.run(["make", f"reports/{name}/report.pdf"], cwd=project, capture_output=True)
        assert not (project / "made").exists()


# ---------------------------------------------------------------- pages in a browser


@pytest.mark.browser
def test_no_name_runs_on_a_page_and_every_page_keeps_to_its_policy(chromium, tmp_path):
    reports = tmp_path / "reports"
    names = [*PAYLOADS, *CODE]
    chapters, info = hostile_report(tmp_path, names)
    folder = reports / "names"
    write_site(chapters, info, folder, explorer=True)
    data = made(np.linspace(0, 0.5, 40), np.linspace(0.4, 1, 30), at=0.5, names=PAYLOADS)
    data |= {"title": info.title, "normal_class": PAYLOADS[3], "study": PAYLOADS[0], "page": "01_page.html"}
    (folder / "explorer.html").write_text(page_of(data, PAYLOADS[1]), encoding="utf-8")
    for name, status in {"names": "complete", "gone.failed": "failed", PAYLOADS[0].replace("/", ""): "failed"}.items():
        record = {"status": status, "title": info.title, "error": info.title, "pdf": info.title}
        cache.write_json(reports / name / "run" / "status.json", record)
        metrics = {"dataset": {"name": PAYLOADS[0]}, "protocol": PAYLOADS[1], "detectors": {PAYLOADS[2]: {}}}
        cache.write_json(reports / name / "run" / "metrics.json", metrics)
    pages = [*sorted(folder.glob("*.html")), studies.write_index(reports)]
    assert len(pages) == 4
    check_pages(chromium, pages, tmp_path / "browser", scripts={"explorer.html": 2})


@pytest.mark.browser
@pytest.mark.parametrize("harm", [PAYLOADS[0], "<a href=javascript:alert(1)>x</a>", '<p style="color: red">x</p>',
                                  "<img src=https://evil.invalid/x.png>", "<script>alert(1)</script>"])  # fmt: skip
def test_the_browser_notes_what_a_page_must_not_do(chromium, tmp_path, harm):
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'"
    page = f'<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="{policy}"><body>{harm}</body>'
    (tmp_path / "page.html").write_text(page)
    with pytest.raises(AssertionError):
        check_pages(chromium, [tmp_path / "page.html"], tmp_path)


def test_data_in_the_explorer_ends_no_script():
    data = made(np.linspace(0, 0.5, 9), np.linspace(0.4, 1, 9), at=0.5, names=PAYLOADS)
    page = page_of(data | {"title": " ".join(PAYLOADS)})
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert json.loads(block)["title"] == " ".join(PAYLOADS) and not set("<\u2028\u2029") & set(block)
    assert page.count("<script") == page.count("</script>") == 2


# ---------------------------------------------------------------- known vulnerabilities


def test_an_audit_that_was_not_made_is_not_a_clean_one():
    audit = load_script("audit")
    clean, old = {"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}
    bad = clean | {"vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    assert audit.verdict({"dependencies": [clean]})[0] == audit.CLEAN
    assert audit.verdict({"dependencies": [clean, old]})[0] == audit.verdict({})[0] == audit.UNKNOWN
    assert audit.verdict({"dependencies": [bad, old]}) == (
        audit.VULNERABLE,
        ["a 1: CVE-1, fixed in 2", "audit: not known: 1 of 2 packages, such as b"],
    )
    first, *others = audit.rounds("".join(path.read_text(encoding="utf-8") for path in audit.LOCKS))
    assert len(first) > 150 and any(pin.startswith("keras==") for pin in first)
    assert 0 < sum(map(len, others)) < 30  # versions for other machines


@pytest.mark.registry
def test_no_package_of_the_lock_has_a_known_vulnerability():
    done = subprocess.run([sys.executable, ROOT / ".ci" / "audit.py"], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout
