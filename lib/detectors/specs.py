"""Which detectors a parameter set asks for, each with all its options, checked before anything is fitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from lib.core.errors import UserError, did_you_mean
from lib.detectors.base import Detector, Kind, Options, kind, kinds, slug

PUBLISHED = ("autoencoder", "vae", "beta_vae")  # the published study's own; every study fits them that does not inspect
BASELINE = "autoencoder"  # what every other detector is compared with
COMBINED = "combined"  # what a study that inspects uses where nothing is chosen
# What a study that inspects fits where it names no detectors. A small defect is found by the few farthest patches, a
# large or faint one by many.
INSPECTING: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (COMBINED, {}),
    (COMBINED, {"share": 0.01}),
    (COMBINED, {"share": 0.2}),
    ("features", {}),
    ("features", {"method": "positions", "share": 0.05, "label": "features, positions"}),
)


@dataclass(frozen=True)
class Spec:
    """A detector that is to be fitted.

    Attributes:
        kind: what the registry says of it.
        options: all of them.
        given: those that differ from what the study would give it.
        label: what pages call it.
    """

    kind: Kind
    options: Options
    given: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def name(self) -> str:
        """Its name in files: the column of its scores, the folder that it is saved in."""
        usual = not self.given and self.label == self.kind.title
        return self.kind.name if usual else slug(self.label)[:80].strip("_")

    @property
    def family(self) -> str:
        """Of its kind."""
        return self.kind.family

    @property
    def changes(self) -> dict[str, Any]:
        """The given options that change the fit."""
        return {key: value for key, value in self.given.items() if key not in self.options.scoring}

    @property
    def scoring(self) -> dict[str, Any]:
        """The options that leave the fit as it is and change the score."""
        return {key: getattr(self.options, key) for key in self.options.scoring}

    @property
    def scores_as_published(self) -> bool:
        """Whether it is no other score of a network that is fitted anyway."""
        return "score" not in self.given

    def create(self) -> Detector:
        """The unfitted detector."""
        return self.kind.detector(self.options)


def spec(name: str, given: Mapping[str, Any], defaults: Mapping[str, Any], where: str = "detectors") -> Spec:
    """One detector with its options.

    Args:
        name: of a kind of detector.
        given: options, and `label` where pages are to call it otherwise.
        defaults: values of a study; those that the detector has an option for are taken where none is given.
        where: the key of the parameter set, for messages.

    Raises:
        UserError: no such detector, or an option that is unknown, of the wrong type or out of range.
    """
    try:
        own_kind = kind(name)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    given = dict(given)
    label = given.pop("label", None)
    if label is not None and (not isinstance(label, str) or not slug(label)):
        raise UserError(f"{where}: {name}: label: must be text, and is {label!r}")
    # An empty text stands for none: a study without a `backbone` leaves the option its own default.
    inherited = {key: defaults[key] for key in own_kind.options.model_fields if defaults.get(key, "") != ""}
    try:
        options = own_kind.options.model_validate(inherited | given, context={"defaults": defaults})
        usual = own_kind.options.model_construct(**inherited)  # may lack what has no default
    except ValidationError as error:
        problem = error.errors()[0]
        raise UserError(f"{where}: {name}: {_explain(problem, own_kind.options)}") from None
    given = {key: value for key, value in given.items() if getattr(options, key) != getattr(usual, key, None)}
    return Spec(own_kind, options, given, label or own_kind.options.describe(own_kind.title, given))


def specs(params: Any) -> list[Spec]:
    """Every detector of a study: the published ones, those it names, short forms written out, and the cheap ones.

    A study that inspects has no published ones; where it names none, it has `INSPECTING`. Its keys `backbone` and
    `backbone_size` are the defaults of all its detectors on pretrained features.

    Args:
        params: `lib.params.Parameters`.

    Raises:
        UserError: one of them is not a detector, has wrong options, or is given twice; or the study is about a detector
            that it does not have.
    """
    defaults = defaults_of(params)
    listed: dict[str, Spec] = {}
    alone = [name for name, listed_kind in kinds().items() if listed_kind.fitted_alone]
    for where, name, given in _wanted(params):
        own = spec(name, given, defaults, where)
        if where == "refinements" and not own.given:
            raise UserError("refinements: each must change something; an entry has only values that are the published")
        if own.name in listed and (own.given or name not in (*PUBLISHED, *alone)):
            raise UserError(f"{where}: '{own.label}' is given twice")
        listed.setdefault(own.name, own)
    if params.inspects:
        _leading(params.detector, list(listed.values()))  # checked now, so that a typo fails before training
    return list(listed.values())


def defaults_of(params: Any) -> dict[str, Any]:
    """What a study, `lib.params.Parameters`, gives those options of its detectors that are not given."""
    return params.model_dump() | ({"size": params.backbone_size} if params.inspects else {})


def leading(params: Any) -> str:
    """The column of the detector that a study that inspects is about, where nothing is chosen on a validation set.

    `auto` stands for `combined`, or the first of that kind, or the first detector of the study.

    Args:
        params: `lib.params.Parameters`, of a study that inspects.

    Raises:
        UserError: as `specs`.
    """
    return _leading(params.detector, specs(params)).name


def _leading(named: str, listed: list[Spec]) -> Spec:
    wanted = COMBINED if named == "auto" else named
    for same in (lambda own: own.name, lambda own: own.label, lambda own: own.kind.name):
        if found := next((own for own in listed if same(own) == wanted), None):
            return found
    if named == "auto":
        return listed[0]
    names = [own.name for own in listed]
    guess = did_you_mean(named, ["auto", *names, *(own.label for own in listed)])
    raise UserError(
        f"detector: '{named}' is not a detector of this study{guess}; there are auto, {', '.join(names)}; name others "
        "under `detectors`"
    )


def _wanted(params: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if not params.inspects:
        for name in PUBLISHED:
            yield "detectors", name, {}
    elif not params.detectors:
        for name, given in INSPECTING:
            yield "detectors", name, given
    for entry in params.detectors:
        name, given = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        yield "detectors", name, given or {}
    for changes in params.refinements:
        yield "refinements", "beta_vae" if "beta" in changes else "autoencoder", changes
    if params.backbone and not params.inspects:
        short_form, sha256 = kinds()["features"].detector.short_form, getattr(params, "sha256", "")
        for given in short_form(params.backbone, params.image_size, params.backbone_size, sha256):
            yield "backbone", "features", given
    for name, listed_kind in kinds().items():
        if listed_kind.fitted_alone:
            yield "detectors", name, {}


def other_scores(own: Spec) -> list[Spec]:
    """The same fit by every other score that the detector has; none where it has one only."""
    if "score" not in own.options.scoring:
        return []
    names = own.kind.detector.score_names()
    return [
        Spec(
            own.kind,
            own.options.model_copy(update={"score": name}),
            {**own.given, "score": name},
            own.options.describe_score(own.label, name),
        )
        for name in names
        if name != own.options.score
    ]


def with_options(own: Spec, label: str, **changes: Any) -> Spec:
    """The same kind of detector with some options changed."""
    options = own.options.model_copy(update=changes)
    return Spec(own.kind, options, {**own.given, **changes}, label)


def _explain(problem: Any, options: type[Options]) -> str:
    """One line for one of pydantic's problems."""
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown option{did_you_mean(key, [*options.model_fields, 'label'])}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    message = " ".join(problem["msg"].split())
    return f"{key}: {message[:1].lower()}{message[1:]}, and is {problem['input']!r}"
