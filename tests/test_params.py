"""Parameter sets: what is let in, and the one clear line for what is not."""

import random
import string
from pathlib import Path

import pytest
import yaml

from lib import params
from lib.core.errors import UserError


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def digits(**changes) -> str:
    values = params.load("digits").model_dump() | {"study": "mine"} | changes
    return yaml.safe_dump({key: value for key, value in values.items() if value is not None})


def refusal(path: Path | str) -> str:
    with pytest.raises(UserError) as refused:
        params.load(path)
    return str(refused.value)


def test_every_set_in_params_loads_and_is_named_for_its_study():
    for study in params.studies():
        assert params.load(study).study == study


def test_the_published_study_is_as_published():
    study = params.load("airplanes")
    assert (study.image_size, study.latent_dim, study.epochs, study.batch_size) == (96, 512, 20, 64)
    assert (study.learning_rate, study.threshold, study.beta, study.seed) == (0.001, 0.02, 0.0001, 555)
    assert study.thresholds == [0.01, 0.02, 0.03, 0.04, 0.05]
    assert (study.splits, study.protocol, study.normal_class) == ("train+test", "resubstitution", "airplanes")


def test_defaults_are_the_embedded_study():
    """But for what a study has to ask for, which a parameter set that is silent on it must not be given."""
    extras = {"seeds": [], "refinements": [], "backbone": "", "backbone_size": 0}
    assert params.Parameters() == params.load("digits").model_copy(update=extras)


def test_a_misspelt_key_is_named_with_the_right_one(tmp_path):
    text = digits().replace("threshold:", "treshold:")
    line = refusal(write(tmp_path, text))
    assert "treshold" in line and "did you mean 'threshold'?" in line and "\n" not in line


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("threshold", -1, "more than 0"),
        ("threshold", 1.0, "less than 1"),
        ("threshold", float("nan"), "finite"),
        ("epochs", "20", "whole number"),
        ("epochs", 1.5, "whole number"),
        ("epochs", True, "whole number"),
        ("image_size", 33, "multiple of 8"),
        ("protocol", "holdout_of_sorts", "resubstitution"),
        ("thresholds", [0.2, 0.1], "rise"),
        ("thresholds", 0.2, "a list"),
        ("normal_class", 8, "in quotes"),
        ("study", "other", "file's name"),
        ("seed", -1, "0 or more"),
        ("learning_rate", 0, "more than 0"),
        ("threshold_rule", "target_fpr", "needs `protocol: holdout`"),
        ("threshold_rule", "guess", "target_fpr"),
        ("fit_share", 0.95, "leave some normal images to judge"),
        ("seeds", [1, 1], "differ"),
        ("seeds", [555], "differ"),
        ("prevalence", 0.0, "more than 0"),
    ],
)
def test_impossible_values_are_refused_in_one_line(tmp_path, key, value, words):
    line = refusal(write(tmp_path, digits(**{key: value})))
    assert key in line and words in line and "mine.yaml" in line and "\n" not in line


def test_exponents_that_yaml_reads_as_text_are_explained(tmp_path):
    text = digits().replace("learning_rate: 0.001", "learning_rate: 1e-3")
    assert "YAML reads 1e-3 as text" in refusal(write(tmp_path, text))


def test_a_file_cut_anywhere_is_refused_or_still_the_same_study(tmp_path):
    whole = (params.paths.params_folder() / "airplanes.yaml").read_text(encoding="utf-8")
    expected = params.load("airplanes")
    for end in range(len(whole)):
        try:
            got = params.load(write(tmp_path, whole[:end], "airplanes"))
        except UserError as error:
            assert str(error).count("\n") == 0
        else:  # only what may be left out was lost, or digits of the last number
            same = got.model_dump(exclude={"published", "thresholds"})
            assert same == expected.model_dump(exclude={"published", "thresholds"})


def test_keys_given_twice_are_refused(tmp_path):
    assert "given twice" in refusal(write(tmp_path, digits() + "seed: 1\n"))


def test_rules_that_need_labels_need_a_validation_part(tmp_path):
    held = {"protocol": "holdout", "threshold_rule": "max_f1"}
    assert "set validation_share" in refusal(write(tmp_path, digits(**held)))
    assert params.load(write(tmp_path, digits(**held, validation_share=0.2))).threshold_rule == "max_f1"


def test_extends_gives_only_what_differs(tmp_path):
    write(tmp_path, digits(study="parent"), "parent")
    child = write(tmp_path, "extends: parent\nlatent_dim: 7\n", "child")
    assert params.load(child) == params.load("digits").model_copy(update={"study": "child", "latent_dim": 7})


def test_extends_in_a_circle_or_of_nothing_is_refused(tmp_path):
    write(tmp_path, "extends: b\n", "a")
    assert "circle" in refusal(write(tmp_path, "extends: a\n", "b"))
    assert "no parameter set 'z'" in refusal(write(tmp_path, "extends: z\n", "c"))


def test_an_unknown_study_is_answered_with_those_there_are():
    line = refusal("airplane")
    assert "did you mean 'airplanes'?" in line and "digits" in line


def test_no_text_whatever_ends_in_anything_but_a_set_or_one_clear_error(tmp_path):
    random_ = random.Random(0)
    whole = digits()
    for _ in range(400):
        letters = list(whole)
        for _ in range(random_.randint(1, 5)):
            letters[random_.randrange(len(letters))] = random_.choice(string.printable + "é\u2028")
        try:
            params.load(write(tmp_path, "".join(letters)))
        except UserError as error:
            assert str(error).strip()


def test_notebooks_that_write_the_run_declare_every_parameter():
    for name in ("02_training", "05_refinement"):
        source = (params.paths.notebooks_folder() / f"{name}.py").read_text(encoding="utf-8")
        cell = source.split('tags=["parameters"]')[1].split("# %%")[0]
        # One left out would quietly be the embedded study's, in a run of another.
        assert [line.split(":")[0] for line in cell.strip().splitlines()] == list(params.KEYS)


def test_a_notebooks_variables_become_parameters():
    assert params.collect({"epochs": 3, "np": object(), "_": 1}).epochs == 3
    with pytest.raises(UserError, match="epochs"):
        params.collect({"epochs": 0})
