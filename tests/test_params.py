"""Parameter sets: what is valid, and the one clear line for what is not."""

import random
import string
from pathlib import Path

import pytest
import yaml

from lib import detectors, params
from lib.core import paths
from lib.core.errors import UserError


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def digits(**changes) -> str:
    return yaml.safe_dump(params.load("digits").model_dump() | {"study": "mine"} | changes)


def refusal(read, *given) -> str:
    with pytest.raises(UserError) as refused:
        read(*given)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_every_set_in_params_loads_is_named_for_its_study_and_names_detectors_there_are():
    for study in params.studies():
        assert params.load(study).study == study and detectors.specs(params.load(study))


def test_the_published_study_is_as_published():
    study = params.load("airplanes")
    assert (study.image_size, study.latent_dim, study.epochs, study.batch_size) == (96, 512, 20, 64)
    assert (study.learning_rate, study.threshold, study.beta, study.seed) == (0.001, 0.02, 0.0001, 555)
    assert study.thresholds == [0.01, 0.02, 0.03, 0.04, 0.05]
    assert (study.splits, study.protocol, study.normal_class) == ("train+test", "resubstitution", "airplanes")


def test_defaults_are_the_embedded_study():
    """Except for what a study has to ask for, and for what makes the embedded one quick."""
    extras = {"seeds": [], "refinements": [], "backbone": "", "backbone_size": 0, "detectors": []}
    extras |= {"epochs": 20, "learning_rate": 0.001, "threshold": 0.015, "thresholds": [0.005, 0.01, 0.015, 0.02, 0.03]}
    assert params.Parameters() == params.load("digits").model_copy(update=extras)


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
        ("treshold", 0.1, "did you mean 'threshold'?"),
        ("precision", "float32", "is called dtype_policy now"),
        ("detectors", "vae", "a list"),
        ("detectors", [{"pca": {}, "hog": {}}], "one has 2 names"),
        ("refinements", ["latent_dim"], "refinements.0"),
    ],
)
def test_impossible_values_and_unknown_keys_are_refused_in_one_line(tmp_path, key, value, words):
    line = refusal(params.load, write(tmp_path, digits(**{key: value})))
    assert key in line and words in line and "mine.yaml" in line


def test_exponents_that_yaml_reads_as_text_are_explained_and_keys_given_twice_refused(tmp_path):
    text = digits().replace("learning_rate: 0.002", "learning_rate: 2e-3")
    assert "YAML reads 2e-3 as text" in refusal(params.load, write(tmp_path, text))
    assert "given twice" in refusal(params.load, write(tmp_path, digits() + "seed: 1\n"))


def test_a_file_cut_anywhere_is_refused_or_still_the_same_study(tmp_path):
    whole = (paths.params_folder() / "airplanes.yaml").read_text(encoding="utf-8")
    optional = {"published", "thresholds"}  # what may be left out, or is cut to digits of its last number
    expected = params.load("airplanes").model_dump(exclude=optional)
    for end in range(len(whole)):
        try:
            got = params.load(write(tmp_path, whole[:end], "airplanes"))
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert got.model_dump(exclude=optional) == expected


def test_rules_that_need_labels_need_a_validation_set(tmp_path):
    held = {"protocol": "holdout", "threshold_rule": "max_f1"}
    assert "set validation_share" in refusal(params.load, write(tmp_path, digits(**held)))
    assert params.load(write(tmp_path, digits(**held, validation_share=0.2))).threshold_rule == "max_f1"


def test_a_set_that_extends_another_gives_only_what_differs(tmp_path):
    write(tmp_path, digits(study="parent"), "parent")
    child = write(tmp_path, "extends: parent\nlatent_dim: 7\n", "child")
    assert params.load(child) == params.load("digits").model_copy(update={"study": "child", "latent_dim": 7})
    write(tmp_path, "extends: b\n", "a")
    assert "circle" in refusal(params.load, write(tmp_path, "extends: a\n", "b"))
    assert "no parameter set 'z'" in refusal(params.load, write(tmp_path, "extends: z\n", "c"))


def test_an_unknown_study_is_answered_with_those_there_are():
    line = refusal(params.load, "airplane")
    assert "did you mean 'airplanes'?" in line and "digits" in line


def test_any_text_is_a_parameter_set_or_one_clear_error(tmp_path):
    random_, whole, refused = random.Random(0), digits(), 0
    for _ in range(400):
        letters = list(whole)
        for _ in range(random_.randint(1, 5)):
            letters[random_.randrange(len(letters))] = random_.choice(string.printable + "é\u2028")
        try:
            params.load(write(tmp_path, "".join(letters)))
        except UserError as error:
            refused += bool(str(error).strip())
    assert refused > 200


# Detectors and their short forms


def test_detectors_and_their_short_forms_are_specs_with_the_values_of_the_study():
    study = params.Parameters(
        image_size=32,
        latent_dim=32,
        detectors=["vae", "hog", {"autoencoder": {"latent_dim": 8, "label": "narrow"}}, {"pca": {"components": 4}}],
        refinements=[{"width": 2.0}, {"beta": 0.01}],
        backbone="efficientnet_lite0",
    )
    specs = {spec.name: spec for spec in detectors.specs(study)}
    assert list(specs)[:3] == list(detectors.PUBLISHED)
    assert {"narrow", "width_x_2", "beta_vae_beta_0_01", "pca_reconstruction_components_4", "pca", "hog"} < set(specs)
    narrow, wide, beta = (specs[name] for name in ("narrow", "width_x_2", "beta_vae_beta_0_01"))
    assert (narrow.label, narrow.changes, narrow.options.epochs) == ("narrow", {"latent_dim": 8}, study.epochs)
    assert (wide.kind.name, wide.options.width, wide.options.latent_dim) == ("autoencoder", 2.0, 32)
    assert (beta.kind.name, beta.options.beta) == ("beta_vae", 0.01)
    features = [(spec.options.method, spec.options.size) for spec in specs.values() if spec.family == "features"]
    assert features == [(method, size) for size in (32, 224) for method in ("knn", "mahalanobis")] + [("patches", 32)]
    small = study.model_copy(update={"image_size": 16, "backbone_size": 40})  # 2 × 2 patches would be too few
    assert [spec.options.size for spec in detectors.specs(small) if spec.family == "features"] == [16, 16, 40, 40, 40]
    assert study.refines and not params.Parameters().refines


@pytest.mark.parametrize(
    ("key", "entry", "words"),
    [
        ("detectors", "autoencodre", "did you mean 'autoencoder'?"),
        ("detectors", {"pca": {"component": 4}}, "did you mean 'components'?"),
        ("detectors", {"pca": {"components": "4"}}, "components: input should be a valid integer"),
        ("detectors", {"pca": {"components": 0}}, "greater than or equal to 1, and is 0"),
        (
            "detectors",
            {"features": {"method": "nearest"}},
            "'knn', 'mahalanobis', 'patches', 'positions' or 'autoencoder'",
        ),
        ("detectors", {"pca": {"label": 4}}, "label: must be text"),
        ("refinements", {"latnet_dim": 8}, "did you mean 'latent_dim'?"),
        ("refinements", {"width": -1.0}, "greater than 0"),
        ("refinements", {"latent_dim": 64}, "must change something"),
    ],
)
def test_a_detector_or_option_that_is_not_there_is_refused_in_one_line(key, entry, words):
    line = refusal(detectors.specs, params.Parameters(**{key: [entry]}))
    assert line.startswith(f"{key}: ") and words in line


def test_a_detector_given_twice_is_refused():
    wide = {"width": 2.0}
    for given in (
        {"detectors": [{"autoencoder": wide}] * 2},
        {"detectors": [{"autoencoder": wide}], "refinements": [wide]},
    ):
        assert "'width × 2' is given twice" in refusal(detectors.specs, params.Parameters(**given))


# Notebooks


def test_notebooks_declare_keys_of_the_schema_and_the_one_that_fits_declares_all():
    declared = {}
    for notebook in paths.notebooks_folder().glob("*.py"):
        cell = notebook.read_text(encoding="utf-8").split('tags=["parameters"]')[1].split("# %%")[0]
        declared[notebook.stem] = [line.split(":")[0] for line in cell.strip().splitlines()]
        assert declared[notebook.stem][0] == "study" and set(declared[notebook.stem]) <= set(params.KEYS)
    # One left out would quietly be the embedded study's, in a run of another; but limits of time are no cell's matter.
    assert declared["02_training"] == [key for key in params.KEYS if key not in params.LIMITS]
    assert not any(params.LIMITS & {*keys} for keys in declared.values())


def test_a_notebooks_variables_become_parameters():
    assert params.collect({"epochs": 3, "np": object(), "_": 1}).epochs == 3
    assert "epochs" in refusal(params.collect, {"epochs": 0})
    line = refusal(params.collect, {"study": "mine", "extends": "airplanes"})  # papermill's own -f does not extend
    assert "extends airplanes" in line and "python -m lib params mine" in line
