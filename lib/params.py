"""The one schema of a parameter set: what a study may say, in which type and range.

A parameter set is flat YAML named for its study. It is checked whole, before any kernel starts; what it says of
detectors is checked by `lib.detectors.specs`. The defaults are the small embedded study, `params/digits.yaml`, without
its refinements.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lib.core import paths, strict_yaml
from lib.core.errors import UserError, did_you_mean

Threshold = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
NUMBER = r"-?\d+(\.\d+)?"
INTENSITY = rf"^((window|percentile):{NUMBER},{NUMBER})?$"
DATASET = r"^\w[\w:-]*(/\w[\w.+-]*)?$"
PART = r"[\w-]+(\[(-?\d+%?)?:(-?\d+%?)?\])?"
SPLITS = rf"^{PART}(\+{PART})*$"
PATTERNS = {  # what the pattern of a key asks for
    "study": "small letters, digits and _ only, a letter first, at most 80",
    "title": "some text",
    "dataset": "a name such as caltech101 or, with a config, kmnist/default",
    "dataset_version": "a version such as 3.0.2",
    "splits": "names of splits such as train+test or train[:50%]",
    "intensity": "such as window:0,4095 or percentile:0.5,99.5",
    "sha256": "64 digits 0 to 9 and a to f",
    "published": "a name in params/published/",
}
DEEPEST = 20  # sets that extend one another
RESERVED = {"sweeps", "comparisons"}  # folders in reports/ that are no study's
BASELINE = "autoencoder"  # the detector that the published study, and so its chapters, are about


class Parameters(BaseModel):
    """A study's parameters, frozen and valid.

    Image values lie in [0, 1], so every reconstruction error (mean squared error) does, and every threshold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    study: str = Field("digits", pattern=r"^[a-z][a-z0-9_]{0,79}$", description="name of the study and its folder")
    title: str = Field(
        "Eights among handwritten digits", pattern=r"\S", max_length=300, description="title of the report"
    )
    dataset: str = Field(
        "digits", pattern=DATASET, description="`digits` (embedded), `folder`, or a TFDS data set's name"
    )
    dataset_version: str = Field(
        "", pattern=r"^[\w.+-]*$", description="version of the TFDS data set; empty: the newest on disk"
    )
    splits: str = Field("all", pattern=SPLITS, description="TFDS splits put together, or `all`")
    images: str = Field("", description="of `folder`: a folder or a manifest, relative to the parameter file")
    origin: str = Field("", description="where the images come from, a sentence for the first chapter; empty: none")
    intensity: str = Field(
        "",
        pattern=INTENSITY,
        description="of `folder`: which values of images of more than 8 bits are black and white, `window:0,4095` or "
        "`percentile:0.5,99.5`; empty: the whole range of 16 bits",
    )
    unreadable_share: float = Field(
        0.01, ge=0, lt=1, description="of `folder`: share of files that cannot be read, above which nothing is made"
    )
    duplicates: Literal["group", "keep"] = Field(
        "group", description="`group`: near-duplicates stay on one side of the split; `keep`: each image for itself"
    )
    normal_class: str = Field("8", min_length=1, description="the class that is normal; all others are anomalies")
    image_size: int = Field(16, ge=16, le=512, multiple_of=8, description="side of the square images, pixels")
    protocol: Literal["resubstitution", "holdout"] = Field(
        "resubstitution", description="which images are fitted on and which are the test set"
    )
    fit_share: Share = Field(0.55, description="share of the normal images fitted on, under `holdout`")
    calibration_share: Share = Field(
        0.25, description="share of the normal images set aside to calibrate, half of it to choose detectors by"
    )
    validation_share: float = Field(0.0, ge=0, lt=1, description="share of the anomalies to choose detectors by")
    latent_dim: int = Field(64, ge=1, le=8192, description="size of the latent vector")
    epochs: int = Field(20, ge=1, le=10_000, description="passes over the images fitted on")
    batch_size: int = Field(16, ge=1, le=4096, description="images a training step")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Adam's learning rate")
    dtype_policy: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "float32", description="arithmetic of the layers; the mixed kinds are faster on some devices, and less exact"
    )
    beta: float = Field(0.0001, ge=0, le=100, description="weight of the KL term in the β-VAE")
    threshold_rule: Literal["fixed", "target_fpr", "max_f1", "youden", "min_cost"] = Field(
        "fixed", description="how the threshold is chosen; all but `fixed` need `protocol: holdout`"
    )
    target_fpr: Share = Field(0.05, description="expected false alarm rate that the rule `target_fpr` does not exceed")
    cost_miss: float = Field(1.0, gt=0, le=1e9, description="cost of a missed anomaly, for `min_cost`")
    cost_false_alarm: float = Field(1.0, gt=0, le=1e9, description="cost of a false alarm, for `min_cost`")
    prevalence: Share = Field(0.1, description="share of anomalies expected in use, for costs and workload")
    threshold: Threshold = Field(0.015, description="an image is flagged when its score exceeds it")
    thresholds: list[Threshold] = Field(
        [0.005, 0.01, 0.015, 0.02, 0.03], min_length=2, max_length=50, description="thresholds of the sweep"
    )
    seed: int = Field(555, ge=0, le=2**31 - 1, description="seed of every random choice")
    seeds: list[Seed] = Field([], max_length=20, description="further seeds to repeat the fit with")
    detector: str = Field(
        BASELINE,
        min_length=1,
        description="the detector that the report is about: the published `autoencoder`; `auto`, the best on the "
        "validation set, else `combined`; or one of `detectors`",
    )
    tiles: int = Field(1, ge=1, le=8, description="each image is cut into tiles × tiles pieces, each looked at whole")
    detectors: list[str | dict[str, dict[str, Any]]] = Field(
        [], max_length=60, description="detectors besides the published three, by name or as `name: {option: value}`"
    )
    refinements: list[dict[str, Any]] = Field(
        [], max_length=60, description="short form of `autoencoder: {…}`, or of `beta_vae: {…}` where it has a beta"
    )
    backbone: str = Field("", description="short form of `features: {backbone: …}` with each method; empty: none")
    backbone_size: int = Field(
        0,
        ge=0,
        le=512,
        multiple_of=8,
        description="side of the images it is given, pixels; 0: the size it was made for",
    )
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="SHA-256 of a `backbone` that is a file")
    published: str = Field(
        "", pattern=r"^\w*$", description="published figures to compare with, a name in `params/published/`"
    )
    cell_minutes: float = Field(
        240.0, gt=0, le=100_000, description="a cell that runs for longer than this is stopped, minutes"
    )
    notebook_minutes: float = Field(
        1440.0, gt=0, le=100_000, description="a notebook that runs for longer than this is stopped, minutes"
    )

    @property
    def refines(self) -> bool:
        """Whether the study compares more than the published detectors and the cheap ones."""
        return bool(self.detectors or self.refinements or self.backbone)

    @property
    def inspects(self) -> bool:
        """Whether the study is about another detector than the published one, which it then does not fit."""
        return self.detector != BASELINE

    @model_validator(mode="after")
    def _folder_is_free(self) -> Self:
        if self.study in RESERVED:
            raise ValueError(f"study: '{self.study}' is the name of a folder in reports/; choose another")
        return self

    @model_validator(mode="after")
    def _sweep_rises(self) -> Self:
        if any(b <= a for a, b in zip(self.thresholds, self.thresholds[1:], strict=False)):
            raise ValueError("thresholds: must rise from each to the next")
        return self

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if len({*self.seeds, self.seed}) != len(self.seeds) + 1:
            raise ValueError(f"seeds: must differ from each other and from seed, which is {self.seed}")
        return self

    @model_validator(mode="after")
    def _detectors_are_single(self) -> Self:
        for entry in self.detectors:
            if isinstance(entry, dict) and len(entry) != 1:
                raise ValueError(f"detectors: an entry is `name: {{option: value}}`, and one has {len(entry)} names")
        return self

    @model_validator(mode="after")
    def _something_is_left_to_judge(self) -> Self:
        if self.fit_share + self.calibration_share >= 1:
            raise ValueError("fit_share: with calibration_share it must leave some normal images to judge")
        return self

    @model_validator(mode="after")
    def _rules_see_what_they_need(self) -> Self:
        if self.threshold_rule != "fixed" and self.protocol != "holdout":
            raise ValueError(
                f"threshold_rule: {self.threshold_rule} needs `protocol: holdout`, which sets images aside"
            )
        if self.threshold_rule in {"max_f1", "youden", "min_cost"} and not self.validation_share:
            raise ValueError(f"threshold_rule: {self.threshold_rule} needs labelled images; set validation_share")
        return self

    @model_validator(mode="after")
    def _folders_have_images(self) -> Self:
        if self.dataset == "folder" and not self.images:
            raise ValueError("images: `dataset: folder` needs the path of a folder or of a manifest")
        if self.dataset == "folder" and (self.dataset_version or self.splits != "all"):
            raise ValueError("dataset: a folder has no versions and no splits to choose from; leave both keys out")
        if self.dataset != "folder" and self.images:
            raise ValueError(f"images: is of `dataset: folder`, and dataset is {self.dataset}")
        if self.inspects and self.protocol != "holdout":
            raise ValueError(f"detector: {self.detector} needs `protocol: holdout`, which sets images aside")
        return self

    @model_validator(mode="after")
    def _intensity_rises(self) -> Self:
        if self.intensity:
            kind, limits = self.intensity.split(":")
            low, high = map(float, limits.split(","))
            if low >= high or (kind == "percentile" and not 0 <= low < high <= 100):
                raise ValueError(f"intensity: {self.intensity}: the second number must be larger, percentiles 0 to 100")
        return self

    @model_validator(mode="after")
    def _digits_are_digits(self) -> Self:
        if self.dataset == "digits" and (self.dataset_version or self.splits != "all"):
            raise ValueError("dataset: the embedded digits have no versions and no splits; leave both keys out")
        return self


KEYS = tuple(Parameters.model_fields)
NEWER = {"fit_share", "calibration_share", "validation_share", "threshold_rule", "target_fpr", "cost_miss"}
NEWER |= {"cost_false_alarm", "prevalence", "seeds", "dtype_policy"}
NEWER |= {"detectors", "refinements", "backbone", "backbone_size"}
NEWER |= {"images", "origin", "intensity", "unreadable_share", "duplicates", "detector", "tiles", "sha256"}
LIMITS = frozenset({"cell_minutes", "notebook_minutes"})  # of the execution; no notebook declares them
NEWER |= LIMITS
RENAMED = {"precision": "dtype_policy"}
OPTIONAL = frozenset({"dataset_version", "splits", "published", *NEWER})
NETWORK = {"latent_dim", "epochs", "batch_size", "learning_rate", "beta", "threshold", "thresholds"}
SPARED = OPTIONAL | NETWORK  # of a study that does not fit the published networks
DELIVERED = "params.yaml"  # of a delivered study, whose name is in the file


def collect(namespace: Mapping[str, Any]) -> Parameters:
    """Makes `Parameters` of a notebook's variables.

    Args:
        namespace: the notebook's `globals()`; names that are no parameter are left alone, and parameters that
            the notebook does not declare take the schema's default.

    Raises:
        UserError: a value is of the wrong type or out of range, or the values are of a set that extends another.
    """
    if "extends" in namespace:  # papermill's own -f gives this file's keys only: the rest would be another study's
        raise UserError(
            f"extends: papermill takes whole parameter sets, and this one extends {namespace['extends']}; write it out "
            f"with `python -m lib params {namespace.get('study', 'STUDY')} > set.yaml` and give `-f set.yaml`"
        )
    return checked(declared(namespace), "parameters of this notebook")


def checked(values: Mapping[Any, Any], where: str) -> Parameters:
    """Makes `Parameters` of values.

    Args:
        values: by key; keys that are not given take the schema's default.
        where: what a message calls them, such as a file.

    Raises:
        UserError: a key is unknown, or a value is of the wrong type or out of range.
    """
    try:
        return Parameters.model_validate(dict(values))
    except ValidationError as error:
        first, *others = error.errors()
        keys = dict.fromkeys(str(problem["loc"][0]) for problem in others if problem["loc"])
        more = [key for key in keys if first["loc"] and key != first["loc"][0]]
        also = f" (also wrong: {', '.join(more[:5])}{' and others' if more[5:] else ''})" if more else ""
        raise UserError(f"{where}: {_explain(first)}{also}") from None


def declared(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters among a notebook's variables, in the schema's order."""
    return {key: namespace[key] for key in KEYS if key in namespace}


def studies() -> list[str]:
    """Names of the studies in `params/`, sorted."""
    return sorted(path.stem for path in paths.params_folder().glob("*.yaml"))


def load(study: str | Path) -> Parameters:
    """Loads a study's parameter set.

    Args:
        study: name of a study in `params/`, or the path of a YAML file elsewhere.

    Raises:
        UserError: no such study; not readable as YAML; unknown, misspelt, ill-typed or impossible keys.
    """
    path = _find(study)
    values = _resolved(path, seen=())
    if values.setdefault("study", path.stem) != path.stem and path.name != DELIVERED:
        raise UserError(f"{paths.shown(path)}: study: '{values['study']}' is not the file's name; write '{path.stem}'")
    # A file cut short must not quietly become another study by taking the schema's defaults.
    fits_networks = values.get("detector", BASELINE) == BASELINE
    if missing := [key for key in KEYS if key not in values and key not in (OPTIONAL if fits_networks else SPARED)]:
        known = _unknown_first(values, paths.shown(path))
        raise UserError(
            known or f"{paths.shown(path)}: missing {', '.join(missing)}; give every key, or say `extends: <study>`"
        )
    own = checked(values, paths.shown(path))
    known = [path.stem for path in (paths.params_folder() / "published").glob("*.json")]
    if own.published and own.published not in known:
        hint = did_you_mean(own.published, known)
        raise UserError(f"{paths.shown(path)}: published: no '{own.published}' in params/published/{hint}")
    return own


def _find(study: str | Path) -> Path:
    path = Path(study)
    if path.suffix in {".yaml", ".yml"}:
        if _is_there(path):
            return path
        raise UserError(f"{path}: no such parameter set")
    named = paths.params_folder() / f"{study}.yaml"
    if re.fullmatch(r"\w+", str(study)) and _is_there(named):
        return named
    known = studies()
    raise UserError(
        f"STUDY={study}: no such study in params/{did_you_mean(str(study), known)}; there are: {', '.join(known)}"
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()  # what is there and no file is refused when it is read
    except (OSError, ValueError):  # such as a name too long for any disk
        return False


def _unknown_first(values: Mapping[Any, Any], where: str) -> str:
    """The line for a misspelt key, which explains a missing one better than its absence does."""
    return next((f"{where}: {key}: unknown key{did_you_mean(key, [*KEYS])}" for key in values if key not in KEYS), "")


def _resolved(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The values of a set on top of those it extends."""
    if path.resolve() in seen:
        raise UserError(f"{paths.shown(path)}: extends: goes round in a circle")
    values = _read(path)
    images = values.get("images")
    if isinstance(images, str) and images and path.parent.resolve() != paths.params_folder().resolve():
        try:
            values["images"] = os.path.relpath(path.parent / paths.expanded(images), paths.params_folder())
        except UserError as error:
            raise UserError(f"{paths.shown(path)}: images: {error}") from None
    parent = values.pop("extends", None)
    if parent is None:
        return values
    base = path.parent / f"{parent}.yaml"
    if not isinstance(parent, str) or not re.fullmatch(r"\w[\w.-]*", parent) or not _is_there(base):
        raise UserError(f"{paths.shown(path)}: extends: no parameter set {_kind(parent)} beside this file")
    if len(seen) == DEEPEST:
        raise UserError(f"{paths.shown(path)}: extends: more than {DEEPEST} sets extend one another")
    inherited = _resolved(base, (*seen, path.resolve()))
    inherited.pop("study", None)  # the name is each file's own
    return inherited | values


def _read(path: Path) -> dict[str, Any]:
    values = strict_yaml.read(path)
    if not isinstance(values, dict):
        raise UserError(f"{paths.shown(path)}: must be lines of `key: value`, and is {_kind(values)}")
    return values


def _explain(problem: Any) -> str:
    """One line for one of pydantic's problems."""
    key = ".".join(str(part) for part in problem["loc"])
    value, kind, limits = problem["input"], problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        last = str(problem["loc"][-1])
        if key in RENAMED:
            return f"{key}: is called {RENAMED[key]} now"
        return f"{key}: unknown key{did_you_mean(last, [*KEYS, 'extends'])}"
    if kind == "value_error":
        return str(limits["error"])
    if kind in {"float_type", "int_type"} and isinstance(value, str) and re.fullmatch(r"[\d.]+[eE]-?\d+", value):
        return f"{key}: YAML reads {value} as text; write it as 0.0001 is written, without an exponent"
    wanted = {
        "greater_than": "more than {gt}",
        "greater_than_equal": "{ge} or more",
        "less_than": "less than {lt}",
        "less_than_equal": "{le} or less",
        "multiple_of": "a multiple of {multiple_of}",
        "literal_error": "{expected}",
        "too_short": "a list of {min_length} or more",
        "too_long": "a list of {max_length} or fewer",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "string_type": "text (in quotes, if it looks like a number)",
        "string_too_short": "some text",
        "string_pattern_mismatch": PATTERNS.get(key),
        "string_too_long": "at most {max_length} characters",
        "list_type": "a list",
        "bool_type": "true or false",
        "model_type": "lines of `key: value`",
    }.get(kind)
    if wanted is None:
        return f"{key}: {' '.join(problem['msg'].split())}"
    limits = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in limits.items()}
    return f"{key}: must be {wanted.format(**limits)}, and is {_kind(value)}"


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
