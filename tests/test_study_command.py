"""`study`: a folder in, a parameter set and an answer out, or one line and nothing written."""

import numpy as np
import pytest
import yaml
from PIL import Image

from lib import params
from lib.__main__ import main
from lib.core import paths
from lib.core.errors import UserError
from lib.data import ImageSet, synthetic
from lib.data.splits import Split
from lib.evaluation import proposal
from lib.study import Study

HOSTILE = ["<b>", "a & b", "$x$", "# one", "a: b", "'", '"', "裂纹", " lead", "no", "8", "1e3", "{a}", "- x", "~", "%"]
NOTHING = Split(fit=np.zeros(0, int), test=np.zeros(0, int))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of parameter sets of its own; images are prepared small."""
    (tmp_path / "project" / "params" / "published").mkdir(parents=True)
    monkeypatch.setattr(paths, "params_folder", lambda: tmp_path / "project" / "params")
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(proposal, "SIZE", 32)  # quicker
    return tmp_path


def draw(folder, counts, size=(40, 40), seed=0, suffix=".png"):
    """Noisy pictures in class folders; anomalies differ by nothing."""
    rng = np.random.default_rng(seed)
    for name, number in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(number):
            pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index:03d}{suffix}")
    return folder


def params_file(place, name="parts"):
    return place / "project" / "params" / f"{name}.yaml"


def refused(place, capsys, *words, name="parts"):
    """The one line that a command ends with; no parameter set is written."""
    assert main(["study", *words]) == 2
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 1 and "Traceback" not in said.err + said.out
    assert not params_file(place, name).exists()
    return said.err


# ---------------------------------------------------------------- the whole way


def test_a_folder_with_defects_becomes_a_study_that_opens_without_editing(place, capsys):
    synthetic.write(place / "brick", "brick", 48)
    assert main(["study", "parts", str(place / "brick")]) == 0
    said = capsys.readouterr().out
    written = params.load("parts")
    assert (written.normal_class, written.dataset, written.detector) == ("good", "folder", "auto")
    assert written.inspects and written.images == "../../brick" and written.validation_share == 0
    study = Study.open(written)
    assert study.counts["anomalies"] == 24 and len(study.normal) == 16  # the given split
    assert written.target_fpr >= 1 / (len(study.split.calibration) + 1)
    said = " ".join(said.split())
    for words in ("MVTec AD", "good", "scratch", "Overall: ", "What to do next", "make report STUDY=parts"):
        assert words in said


def test_every_key_of_the_file_has_one_plain_comment(place):
    draw(place / "set", {"good": 30, "bad": 10})
    assert main(["study", "parts", str(place / "set")]) == 0
    text = params_file(place).read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith("# ") and "make report STUDY=parts" in lines[0]
    assert all("  # " in line for line in lines[1:])
    assert list(yaml.safe_load(text)) == [line.partition(":")[0] for line in lines[1:]]
    assert len(lines) < 25


def test_only_good_images_are_a_study(place, capsys):
    draw(place / "set", {"good": 40})
    assert main(["study", "parts", str(place / "set")]) == 0
    said = capsys.readouterr().out
    assert "no AUROC" in said and "Shortcut" not in said
    assert Study.open(params.load("parts")).counts["anomalies"] == 0


def test_forty_anomalies_are_enough_for_a_validation_set(place):
    draw(place / "set", {"good": 190, "bad": 40})
    assert main(["study", "parts", str(place / "set")]) == 0
    written = params.load("parts")
    assert (written.validation_share, written.target_fpr) == (0.2, 0.05)
    assert Study.open(written).parts["validation_anomalies"] == 8


def test_the_target_is_not_raised_for_a_validation_set(place):
    """A fifth of 100 normal images supports 5 %, a tenth does not."""
    draw(place / "set", {"good": 100, "bad": 40})
    assert main(["study", "parts", str(place / "set")]) == 0
    assert (params.load("parts").validation_share, params.load("parts").target_fpr) == (0, 0.05)


def test_a_target_is_raised_to_what_the_calibration_images_support_and_the_file_says_so(place):
    draw(place / "set", {"good": 30, "bad": 5})
    assert main(["study", "parts", str(place / "set")]) == 0
    written = params.load("parts")
    calibration = len(Study.open(written).split.calibration)
    assert written.target_fpr == next(rate for rate in proposal.TARGETS if rate >= 1 / (calibration + 1))
    line = next(line for line in params_file(place).read_text().splitlines() if line.startswith("target_fpr"))
    assert f"not 0.05, as {calibration} calibration images" in line


@pytest.mark.parametrize("normal", [1, 2])
def test_two_images_get_their_answer_and_no_file(place, capsys, normal):
    draw(place / "set", {"good": normal, "bad": 2 - normal} if normal < 2 else {"good": 2})
    assert main(["study", "parts", str(place / "set")]) == 2
    said = capsys.readouterr()
    assert "Overall: red." in said.out and "at least 50 normal images" in said.out
    assert said.err.startswith("parts: no parameter set is written: ") and len(said.err.strip().splitlines()) == 1
    assert not params_file(place).exists()


def test_images_of_sixteen_bits_get_a_rule_of_intensity(place):
    rng = np.random.default_rng(0)
    (place / "set" / "good").mkdir(parents=True)
    for index in range(30):
        pixels = rng.integers(0, 4096, (40, 40)).astype(np.uint16)
        Image.fromarray(pixels).save(place / "set" / "good" / f"{index}.png")
    assert main(["study", "parts", str(place / "set")]) == 0
    assert params.load("parts").intensity == proposal.INTENSITY
    assert Study.open(params.load("parts")).images.images.mean() > 100  # not black, as 4,095 of 65,535 would be


# ---------------------------------------------------------------- names and classes


@pytest.mark.parametrize(
    ("name", "better"),
    [("My Parts", "my_parts"), ("8er", "study_8er"), ("../x", "x"), ("a-b", "a_b"), ("裂", "study"), ("_", "study")],
)
def test_a_bad_name_is_refused_with_a_good_one(place, capsys, name, better):
    said = refused(place, capsys, name, str(place / "nowhere"), name=better)
    assert said.rstrip().endswith(f"try NAME={better}")


def test_a_parameter_set_that_is_there_is_never_replaced(place, capsys):
    params_file(place).write_text("mine", encoding="utf-8")
    assert main(["study", "parts", str(draw(place / "set", {"good": 3}))]) == 2
    assert "parts.yaml is there already; remove it or choose another name" in capsys.readouterr().err
    assert params_file(place).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["good", "OK", "Normal"])
def test_the_usual_names_of_the_normal_class_are_taken(name):
    assert proposal.normal_class({"scratch": 4, name: 9}, None) == name


def test_one_class_alone_is_normal_and_a_given_one_wins():
    assert proposal.normal_class({"cells": 9}, None) == "cells"
    assert proposal.normal_class({"good": 9, "cells": 9}, "cells") == "cells"


@pytest.mark.parametrize(
    ("counts", "given", "words"),
    [
        ({"cat": 3, "dog": 5}, None, "say which class is normal, with NORMAL=CLASS; there are dog (5), cat (3)"),
        ({"good": 3, "ok": 5}, None, "there are ok (5), good (3)"),
        ({"good": 3, "bad": 5}, "goood", "did you mean 'good'?"),
        ({f"c{n:02d}": n for n in range(30)}, None, "and 18 more"),
        ({"a\nb": 3, "c": 5}, None, "a b (3)"),
    ],
)
def test_an_unclear_normal_class_is_one_line_with_the_classes_and_counts(counts, given, words):
    with pytest.raises(UserError) as error:
        proposal.normal_class(counts, given)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_nothing_is_prepared_before_the_normal_class_is_known(place, capsys):
    folder = draw(place / "set", {"cat": 3, "dog": 3})
    assert "NORMAL=CLASS" in refused(place, capsys, "parts", str(folder))
    assert "did you mean 'cat'" in refused(place, capsys, "parts", str(folder), "--normal", "cats")
    assert "is not there" in refused(place, capsys, "parts", str(place / "nowhere"))
    assert "not valid Unicode" in refused(place, capsys, "parts", str(place / "set\udc80"))
    assert not (place / "cache").exists()


# ---------------------------------------------------------------- the text of the file


def proposed(normal="good", images="../../x"):
    values = {"study": "parts", "dataset": "folder", "images": images, "normal_class": normal, "protocol": "holdout"}
    values |= {"detector": "auto", "title": "Parts", "image_size": 224, "threshold_rule": "target_fpr"}
    chosen = params.Parameters(**values)
    return proposal.Proposal(Study(chosen, ImageSet.of(np.zeros((1, 8, 8, 1), np.uint8)), np.zeros(1, int), NOTHING))


@pytest.mark.parametrize("name", [*HOSTILE, "a\nb", "tab\there", "\u202eright", "x" * 300, "a\u2028b", "\x7f"])
def test_any_class_and_folder_name_is_read_back(place, name):
    wanted = proposed(name, f"../{name}")
    path = proposal.write(wanted)
    assert params.load("parts") == wanted.params
    assert path.read_text(encoding="utf-8").count("\n") == len(path.read_text(encoding="utf-8").splitlines())


def test_folders_of_hostile_names_become_a_study(place, capsys):
    draw(place / "set #1 & <b>", {name: 4 for name in HOSTILE} | {"<b>": 20, "裂纹": 5})
    assert main(["study", "parts", str(place / "set #1 & <b>"), "--normal", "<b>"]) == 0
    assert Study.open(params.load("parts")).counts["normal"] == 20
    assert "裂纹" in capsys.readouterr().out


def test_paths_are_relative_where_near_and_whole_elsewhere(place, monkeypatch):
    monkeypatch.chdir(place)
    assert proposal.relative("data/parts") == "../../data/parts"
    assert proposal.relative(place / "project" / "data") == "../data"
    assert proposal.relative("/somewhere/else") == "/somewhere/else"
    assert proposal.relative("project/../data") == "../../data"
