"""What a sweep says: which studies, with which settings, by which detectors; checked whole before anything starts.

The file is flat YAML in `params/sweeps/`: the keys of a parameter set that all studies share, on top of the set that it
`extends`, and three keys of its own.

* `studies`: what makes the studies differ, such as `normal_class: every` or `seed: [1, 2, 3]`. A mapping is a grid of
  all combinations, and a list names each combination.
* `settings`: what is compared within each study besides the detectors, in the same form; also the keys of
  `lib.sweep.fitting`.
* `detectors`: what is compared, as in a parameter set.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib import data, detectors, params
from lib.core import paths, strict_yaml
from lib.core.cache import content_key
from lib.core.errors import UserError, did_you_mean
from lib.detectors import Spec, slug
from lib.params import BASELINE, KEYS, Parameters
from lib.sweep import fitting

OWN = ("title", "extends", "studies", "settings", "detectors")
EVERY = "every"  # as the value of `normal_class`: each class in turn
SET_HERE = {"study", "title", "protocol", "detectors", "refinements", "seeds", "published"}  # not to be varied
MOST = 100_000  # tasks
ENDINGS = {".yaml", ".yml"}
Choice = tuple[tuple[str, Any], ...]  # keys and their values


@dataclass(frozen=True)
class Task:
    """One detector, to be fitted and tested in one study with one setting.

    Attributes:
        unit: what sets its study apart from the other studies.
        setting: what it has of the keys that are compared.
        params: of its study.
        detector: name of the kind.
        given: its options.
    """

    unit: Choice
    setting: Choice
    params: Parameters
    detector: str
    given: Mapping[str, Any] = field(default_factory=dict)

    def spec(self) -> Spec:
        """The detector with all its options."""
        return detectors.spec(self.detector, self.given, detectors.defaults_of(self.params))

    @property
    def fitting(self) -> dict[str, Any]:
        """What the setting says of the images fitted on; see `lib.sweep.fitting`."""
        return {key: value for key, value in self.setting if key in fitting.KEYS}

    @property
    def candidate(self) -> str:
        """What the leaderboard calls it: the detector, and the setting where there is one."""
        return "; ".join([self.spec().label, *([shown(self.setting)] if self.setting else [])])


@dataclass(frozen=True)
class Sweep:
    """A sweep whose every parameter set is valid.

    Attributes:
        name: of its file and of its folder in `reports/sweeps/`.
        title: of its leaderboard.
        file: that says it.
        base: the values that all studies share.
        units: what sets each study apart; classes of `every` are not written out.
        settings: what is compared besides the detectors; one empty choice where nothing is.
        entries: the detectors, each a name and its options.
    """

    name: str
    title: str
    file: Path
    base: Mapping[str, Any]
    units: tuple[Choice, ...]
    settings: tuple[Choice, ...]
    entries: tuple[tuple[str, Mapping[str, Any]], ...]

    def tasks(self) -> list[Task]:
        """Every task, in the order of the file; for `every` class, the images have to be there.

        Raises:
            UserError: the images cannot be had, a class is unknown, or there are more than `MOST` tasks.
        """
        units = [unit for choice in self.units for unit in _every(choice, self)]
        count = len(units) * len(self.settings) * len(self.entries)
        if count > MOST:
            raise UserError(f"{self._where}: has {count:,} tasks, more than {MOST:,}; divide it into several files")
        found = [
            Task(unit, setting, self._params(unit, setting, entry), *entry)
            for unit in units
            for setting in self.settings
            for entry in self.entries
        ]
        for own in {content_key(task.params.dataset, task.params.images): task.params for task in found}.values():
            images = data.load(own)
            for name in dict.fromkeys(task.params.normal_class for task in found if _same_data(task.params, own)):
                images.labels(name)
        return found

    def check(self) -> None:
        """Check everything that can be checked without images.

        Raises:
            UserError: a key, a value or a detector is not valid; the line says in which study.
        """
        labels = []
        for unit, setting, entry in itertools.product(self.units, self.settings, self.entries):
            plain = tuple((key, value) for key, value in unit if value != EVERY)
            own = self._params(plain, setting, entry)
            try:
                labels.append((setting, detectors.spec(*entry, detectors.defaults_of(own)).label))
            except UserError as error:
                raise UserError(f"{self._where}: {error}") from None
        first = labels[: len(self.settings) * len(self.entries)]
        if twice := next((label for label in first if first.count(label) > 1), None):
            raise UserError(f"{self._where}: detectors: '{twice[1]}' is given twice; give one of them a `label`")

    def _params(self, unit: Choice, setting: Choice, entry: tuple[str, Mapping[str, Any]]) -> Parameters:
        own = tuple((key, value) for key, value in setting if key not in fitting.KEYS)
        chosen = dict(unit) | dict(own)
        name = study_name(self.name, unit, own)
        words = shown((*unit, *own))
        values = {**self.base, **chosen, "study": name, "title": f"{self.title}: {words}" if words else self.title}
        return params.checked(values, f"{self._where}{f': {words}' if words else ''}")

    @property
    def _where(self) -> str:
        return paths.shown(self.file)


def load(sweep: str | Path) -> Sweep:
    """Load a sweep and check it whole.

    Args:
        sweep: the path of its file, or its name in `params/sweeps/`.

    Raises:
        UserError: no such file, not readable as YAML, or something in it is unknown or out of range.
    """
    file = _find(sweep)
    where = paths.shown(file)
    values = strict_yaml.read(file)
    if not isinstance(values, dict):
        raise UserError(f"{where}: must be lines of `key: value`")
    if not slug(file.stem) == file.stem or not file.stem[0].isalpha():
        raise UserError(f"{where}: a sweep's file is named in small letters, digits and _, a letter first")
    for key in [key for key in values if key not in OWN]:
        _check_key(key, (*OWN, *KEYS), where, "set here")
    parent, title = values.pop("extends", None), values.pop("title", file.stem)
    if not isinstance(parent, str) or not isinstance(title, str):
        raise UserError(f"{where}: extends: must name a parameter set in params/, such as `extends: digits`")
    units = _choices(values.pop("studies", None), f"{where}: studies", KEYS)
    settings = _choices(values.pop("settings", None), f"{where}: settings", (*KEYS, *fitting.KEYS))
    entries = _entries(values.pop("detectors", [BASELINE]), f"{where}: detectors")
    try:
        base = params.load(parent).model_dump()
    except UserError as error:
        raise UserError(f"{where}: extends: {error}") from None
    base |= {"protocol": "holdout", "detectors": [], "refinements": [], "seeds": [], "published": ""} | values
    found = Sweep(file.stem, title, file, base, units, settings, entries)
    found.check()
    return found


def shown(choice: Choice) -> str:
    """A choice in words: `normal class cup, seed 2`."""
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in choice)


def study_name(sweep: str, unit: Choice, setting: Choice) -> str:
    """The name of a study of a sweep, as a parameter set has it; two choices have different names."""
    name = slug("_".join([sweep, *(str(value) for _, value in (*unit, *setting))]))
    plain = all(slug(str(value)) == str(value) for _, value in (*unit, *setting))
    return name if plain and len(name) <= 80 else f"{name[:68].strip('_')}_{content_key(unit, setting)[:8]}"


def _find(sweep: str | Path) -> Path:
    path = Path(sweep)
    file = path if path.suffix in ENDINGS else paths.params_folder() / "sweeps" / f"{path}.yaml"
    if file.is_file():
        return file
    known = sorted(each.stem for each in (paths.params_folder() / "sweeps").glob("*.yaml"))
    there = f"; in params/sweeps/ there are: {', '.join(known)}" if known else ""
    raise UserError(f"SWEEP={sweep}: no such file{did_you_mean(str(sweep), known)}{there}")


def _choices(given: Any, where: str, known: Sequence[str]) -> tuple[Choice, ...]:
    """The choices of a grid or of a list; one empty choice for none."""
    if given is None:
        return ((),)
    if isinstance(given, dict):
        for key, values in given.items():
            if values != EVERY and (not isinstance(values, list) or not values):
                raise UserError(f"{where}: {key}: must be a list of values{', or every' * (key == 'normal_class')}")
        lists = [[(key, value) for value in ([EVERY] if values == EVERY else values)] for key, values in given.items()]
        choices = tuple(itertools.product(*lists))
    elif isinstance(given, list) and given and all(isinstance(each, dict) and each for each in given):
        choices = tuple(tuple(each.items()) for each in given)
    else:
        raise UserError(f"{where}: must be `key: [values]`, or a list of `key: value`")
    for choice in choices:
        for key, value in choice:
            _check_key(key, known, where, "varied")
            if key in fitting.KEYS and (problem := fitting.problem(key, value)):
                raise UserError(f"{where}: {problem}")
            if value == EVERY and key != "normal_class":
                raise UserError(f"{where}: {key}: only normal_class can be `every`")
    if len({str(choice) for choice in choices}) < len(choices):
        raise UserError(f"{where}: a combination is given twice")
    return choices


def _check_key(key: str, known: Sequence[str], where: str, done: str) -> None:
    """Refuse a key that is unknown, or that a sweep sets itself; `done` is what cannot be done with that."""
    if key in known and key not in SET_HERE:
        return
    hint = "; a sweep sets it itself" if key in KEYS else did_you_mean(key, [*known])
    raise UserError(f"{where}: {key}: {f'cannot be {done}' if key in KEYS else 'unknown key'}{hint}")


def _entries(given: Any, where: str) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    if not isinstance(given, list) or not given:
        raise UserError(f"{where}: must be a list of detectors, such as `- hog`")
    entries = []
    for entry in given:
        name, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()), ("", {}))
        if not isinstance(entry, str | dict) or (isinstance(entry, dict) and len(entry) != 1):
            raise UserError(f"{where}: an entry is a name, or `name: {{option: value}}`")
        if not isinstance(options or {}, dict):
            raise UserError(f"{where}: {name}: its options are `{{option: value}}`")
        entries.append((name, options or {}))
    return tuple(entries)


def _every(choice: Choice, sweep: Sweep) -> Iterator[Choice]:
    """A choice with each class in the place of `every`; itself where it has none."""
    if dict(choice).get("normal_class") != EVERY:
        yield choice
        return
    rest = tuple((key, value) for key, value in choice if value != EVERY)
    images = data.load(sweep._params(rest, (), sweep.entries[0]))
    for name in images.class_names:
        yield tuple((key, name if value == EVERY else value) for key, value in choice)


def _same_data(own: Parameters, other: Parameters) -> bool:
    return (own.dataset, own.images) == (other.dataset, other.images)


def study_file(task: Task, folder: Path) -> dict[str, Any]:
    """The parameter set of a task's study as a file in a folder would have it, so that `make report` can take it."""
    values = task.params.model_dump()
    if values["images"]:
        values["images"] = os.path.relpath(paths.params_folder() / values["images"], folder)
    return values
