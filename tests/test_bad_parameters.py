"""Ten thousand parameter sets that nobody should write: each loads, or is refused in one line, and nothing starts."""

import itertools
import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib import detectors, params
from lib.core import paths, strict_yaml
from lib.core.characters import IGNORABLE, UNSEEN
from lib.core.errors import LONGEST, UserError

DIGITS = params.load("digits").model_dump()
SHORT = "extends: parent\nstudy: mine\n"

numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 2**31, 2**63, 10**400, -(10**400), 1e308, 5e-324, True, False])
)
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", " ", "..", "../digits", "/etc/passwd", "~nobody-here/x", "a" * 5000, "auto", "8", "folder"]),
    st.sampled_from(["holdout", "window:0,1", "percentile:9,1", "window:1,nan", "train[:10%]", "train[", "${HOME}"]),
)
values = st.recursive(
    st.one_of(st.none(), numbers, texts, st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
options = st.dictionaries(
    st.sampled_from(["latent_dim", "width", "label", "beta", "epochs", "fit_images", "score"]), values, max_size=2
)
entries = st.one_of(
    st.sampled_from([*detectors.kinds()]), st.dictionaries(st.sampled_from([*detectors.kinds(), "x"]), options)
)
own = {  # values that come closer to what a key takes than any value does
    "detectors": st.lists(st.one_of(entries, values), max_size=3),
    "refinements": st.lists(options, max_size=3),
    "thresholds": st.lists(numbers, max_size=4),
    "seeds": st.lists(numbers, max_size=4),
}
change = st.sampled_from(params.KEYS).flatmap(lambda key: st.tuples(st.just(key), own.get(key, values) | values))
strange = st.dictionaries(texts, values, min_size=1, max_size=1)


@pytest.fixture(autouse=True)
def nothing_starts(request, monkeypatch):
    """A kernel or another process that is started fails the test, but for those of the command line."""

    def start(*_, **__):
        pytest.fail("a parameter set started a process")

    if "command" not in request.fixturenames:
        monkeypatch.setattr(subprocess.Popen, "__init__", start)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sets")
    (place / "parent.yaml").write_text(yaml.safe_dump(DIGITS | {"study": "parent"}), encoding="utf-8")
    return place


def examples(count):
    unhurried = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=unhurried)


def answer(path, content=None):
    """The set, with all its detectors, or the line that refuses it; whatever else happens is an error of the test."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        return params.load(path)
    except UserError as error:
        return checked_line(str(error), path.name)


def checked_line(line, *named):
    assert line and "\n" not in line and len(line) <= LONGEST, line
    unseen = {"Zl", "Zp", *UNSEEN}
    assert all(unicodedata.category(each) not in unseen or each in IGNORABLE for each in line), ascii(line)
    assert all(word in line for word in named), line
    return line


def specs_of(study):
    """The second check of a set; it is not asked for backbones, which Keras has to name."""
    asked = study.model_copy(update={"backbone": ""})
    if not any("features" in entry or "combined" in entry for entry in study.detectors):
        try:
            assert detectors.specs(asked)
        except UserError as error:
            checked_line(str(error))


@examples(340)
@given(st.lists(change, min_size=6, max_size=6), strange, st.sampled_from(params.KEYS))
def test_any_values_are_a_parameter_set_or_one_line(monkeypatch, changes, strange, missing):
    """8,500 sets: 25 of each example, with one wrong key, two, an unknown one or a missing one.

    The values are given as YAML gives them; that text is read rightly is the subject of the other tests.
    """
    cases = [[change] for change in changes] + [*itertools.combinations(changes, 2)] + [changes, [], [], []]
    assert len(cases) == 25
    for number, case in enumerate(cases):
        given_values = DIGITS | dict(case) | (strange if number in (22, 24) else {})
        if number >= 23:
            given_values.pop(missing)
        monkeypatch.setattr(strict_yaml, "read", lambda path, values=given_values: dict(values))
        found = answer(Path("digits.yaml"))
        if isinstance(found, params.Parameters):
            assert params.Parameters.model_validate(found.model_dump()) == found
        if isinstance(found, params.Parameters) and number < 6:
            specs_of(found)


@examples(300)
@given(st.lists(change, max_size=4).map(dict), strange)
def test_any_yaml_text_is_a_parameter_set_or_one_line(folder, changed, strange):
    try:
        text = yaml.safe_dump(changed | strange, allow_unicode=True)
    except ValueError:  # a number longer than Python writes
        text = "seed: " + "9" * 5000
    answer(folder / "mine.yaml", SHORT + text)


@examples(1_200)
@given(
    st.one_of(st.binary(max_size=60), st.text("{}[]&*!|>'\"%@`:-,?#\\ \t\r\n<=~0123.eEnoyx\x00\x85\ufeff", max_size=40))
)
def test_any_bytes_are_refused_in_one_line(folder, content):
    found = answer(folder / "mine.yaml", content)
    assert isinstance(found, str)  # too short for a whole set


# YAML's own traps.


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("seed: 1\nseed: 2", 4, "'seed' is given twice"),
        ("detectors:\n- pca: {components: 4, components: 5}", 4, "'components' is given twice"),
        ("\tseed: 1", 3, "a tab"),
        ("learning_rate: 1e-3", None, "YAML reads 1e-3 as text"),
        ("learning_rate: 1.0e3", None, "YAML reads 1.0e3 as text"),
        ("normal_class: no", 3, "YAML reads no as false; write false, or 'no' for text"),
        ("normal_class: On", 3, "YAML reads On as true"),
        ("no: 1", 3, "YAML reads no as false"),
        ("on: 1", 3, "YAML reads on as true"),
        ("8: x", 3, "a key must be a word, and is 8"),
        ("[a]: x", 3, "a key must be a word"),
        ("epochs: 010", 3, "YAML reads 010 as 8; write 8, or '010' for text"),
        ("normal_class: 007", 3, "YAML reads 007 as 7"),
        ("epochs: 1:30", 3, "YAML reads 1:30 as 90"),
        ("threshold: 1:30.5", 3, "YAML reads 1:30.5 as 90.5"),
        ("normal_class: 0x10", None, "normal_class: must be text (in quotes, if it looks like a number), and is 16"),
        ("epochs: " + "9" * 5000, 3, "a number of 5000 characters"),
        ("seed: 0x_", 3, "'0x_' is not a number"),
        ("<<: {seed: 1}", 3, "merge keys (<<) are not read; say `extends: <study>`"),
        ("origin: &a here\ntitle: *a", 3, "anchors (&) and aliases (*) are not read"),
        ("title: *bold*", 3, "put text that begins with one in quotes"),
        ("detectors: &a [*a]", 3, "anchors"),
        ("seed: 1\n---\nseed: 2", 4, "a second document begins here"),
        ("seed: !!python/object/apply:os.system [echo]", 3, "tags (!) are not read"),
        ("seed: !!binary aGk=", 3, "tags (!) are not read"),
        ("threshold: .nan", None, "threshold: must be a finite number"),
        ("cost_miss: .inf", None, "cost_miss: must be"),
        ("cost_miss: 1.0e+400", None, "cost_miss: must be"),
        ("title: \"a\\0b\"", 3, "U+0000"),
        ("title: \"\\ud800\"", 3, "U+D800"),
        ("title: \"\\U7fffffff\"", 3, "a value that there is not"),
        ("title: a\x07b", 3, "control character U+0007"),
        ("epochs: 2026-11-28", None, "epochs: must be a whole number, and is '2026-11-28'"),
        ("title: a: b", 3, "a colon where YAML allows none"),
        ("detectors: " + "[" * 10_000, 3, "nested more than 20 deep"),
        ("detectors: " + "{a: " * 10_000, 3, "nested more than 20 deep"),
        ("- seed", 3, "not readable as YAML"),
        ("extends: ../parent", 3, "given twice"),
        ("images: '~nobody-here/x'\ndataset: folder", None, "write the path out, or set HOME"),
        ("dataset: ../../etc", None, "dataset: must be a name such as"),
        ("published: ../digits", None, "published: must be a name in params/published/"),
        ("published: caltech", None, "published: no 'caltech' in params/published/"),
        ("intensity: windw:0,1", None, "intensity: must be such as window:0,4095"),
        ("sha256: abc", None, "sha256: must be 64 digits"),
        ("splits: 'train['", None, "splits: must be names of splits"),
        ("title: ' '", None, "title: must be some text"),
        ("epochs: many\nseed: -1\nbeta: 1000", None, "(also wrong: beta, seed)"),
    ],
)  # fmt: skip
def test_a_trap_of_yaml_is_refused_with_its_line(folder, text, line, words):
    found = answer(folder / "mine.yaml", SHORT + text + "\n")
    assert words in found and (line is None or f"mine.yaml, line {line}: " in found), found


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("title: 2026-11-28", "title", "2026-11-28"),
        ("title: 2026-13-45", "title", "2026-13-45"),
        ("title: =", "title", "="),
        ("normal_class: 'no'", "normal_class", "no"),
        ("normal_class: '010'", "normal_class", "010"),
        ("epochs: 1_000", "epochs", 1000),
        ("epochs: 0x10", "epochs", 16),
        ("learning_rate: 1.0e-3", "learning_rate", 0.001),
        ("origin: |\n  two\n  lines", "origin", "two\nlines\n"),
        ("seed: 0", "seed", 0),
        ("--- # begins\nseed: 7\n...", "seed", 7),
    ],
)
def test_what_is_not_a_trap_has_its_value(folder, text, key, value):
    whole = text.replace("---", "---\n" + SHORT.strip()) if text.startswith("---") else SHORT + text + "\n"
    found = getattr(answer(folder / "mine.yaml", whole), key)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["\ufeff{}", "{}", "--- {}"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_endings_make_no_difference(folder, text, ending):
    content = text.replace("{}", SHORT + "seed: 3\ntitle: Größe\n").replace("--- ", "---\n").replace("\n", ending)
    found = answer(folder / "mine.yaml", content)
    assert (found.seed, found.title) == (3, "Größe")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "and is empty"),
        (b"# nothing\n\n", "and is empty"),
        (b"- a\n- b\n", "must be lines of `key: value`"),
        (b"8\n", "must be lines of `key: value`, and is 8"),
        ("title: Größe\n".encode("latin-1"), "line 1: not readable as YAML: the byte 0xf6 is not UTF-8; save"),
        (SHORT.encode("utf-16"), "UTF-16; save it as UTF-8"),
        (SHORT.encode("utf-16-le"), "UTF-16 or binary; save it as UTF-8"),
        (SHORT.encode("utf-32"), "save it as UTF-8"),
        (b"seed: 1\0\n", "save it as UTF-8"),
        (b"\x7fELF\x02\x01\x01\0\0", "save it as UTF-8"),
        (b"#" * 10_000_000, "has 10,000,000 bytes, more than the 200,000"),
        (b"- " * 90_000, "nested more than 20 deep"),
        (b"? " * 90_000, "nested more than 20 deep"),
        (b"? " + b"x" * 150_000 + b"\n: 1\n", "unknown key"),
        (BOMB.encode(), "line 1: not readable as YAML: anchors (&) and aliases (*) are not read"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_set_is_refused_at_once(folder, content, words):
    started = time.process_time()
    assert words in answer(folder / "mine.yaml", content)
    assert time.process_time() - started < 3


# Files that are none.


def test_a_folder_a_pipe_and_a_file_that_may_not_be_read_are_no_parameter_sets(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").mkdir()
    os.mkfifo(tmp_path / "b.yaml")
    (tmp_path / "d.yaml").symlink_to("d.yaml")
    for name, words in (("a", "not a file that can"), ("b", "not a file that can"), ("c", "no such"), ("d", "no such")):
        assert words in answer(tmp_path / f"{name}.yaml")
    assert "no such parameter set" in answer(Path("x" * 500 + ".yaml"))
    assert "no such parameter set" in str(refusal_of(Path("x\0.yaml")))

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (tmp_path / "e.yaml").touch()
    assert "not readable: Permission denied" in answer(tmp_path / "e.yaml")


@pytest.mark.parametrize(
    "name", ["../digits", "params/digits", "/digits", "..", "", "a b", "digits\n", "-x", "digits;"]
)
def test_the_name_of_a_study_is_no_path(name):
    with pytest.raises(UserError, match="no such study") as refused:
        params.load(name)
    checked_line(str(refused.value), "STUDY=")


def test_only_a_set_beside_a_file_can_be_extended(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "parent.yaml").write_text(yaml.safe_dump(DIGITS), encoding="utf-8")
    for parent in ("../parent", str(tmp_path / "parent"), "..", "sub", "[a]", "8", "x" * 300):
        assert "no parameter set" in answer(tmp_path / "sub" / "mine.yaml", f"extends: {parent}\n")
    for number in range(30):
        (tmp_path / f"s{number}.yaml").write_text(f"extends: s{number + 1}\n", encoding="utf-8")
    assert "more than 20 sets extend one another" in str(refusal_of(tmp_path / "s0.yaml"))


def refusal_of(path):
    with pytest.raises(UserError) as refused:
        params.load(path)
    return refused.value


def test_a_message_stays_one_line_of_bounded_length_whatever_it_quotes():
    assert str(UserError("a\nb\u2028c\x1b[31m\u202ed")) == "a b c[U+001B][31m[U+202E]d"
    long = str(UserError("begins " + "x" * 10_000 + " ends"))
    assert len(long) <= LONGEST and long.startswith("begins") and long.endswith("ends")


# The command line.


@pytest.mark.parametrize(
    ("command", "content"),
    [
        ("params", b"extends: parent\nseed: 1\nseed: 2\n"),
        ("params", b"extends: parent\nepochs: 010\n"),
        ("report", b"extends: parent\nthreshold: .nan\n"),
        ("report", "title: Größe\n".encode("latin-1")),
        ("report", b"extends: parent\ndetectors: [pca, nosuch, {x: 0xffffffffffffffffffffffffffffff}]\n"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_2_without_tensorflow(folder, command, content):
    (folder / "mine.yaml").write_bytes(content)
    done = subprocess_of(command, folder / "mine.yaml")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    *imported, line = done.stderr.strip().splitlines()
    heavy = ("tensorflow", "keras", "papermill", "nbconvert")
    assert not [each for each in imported if each.split("|")[-1].strip() in heavy]
    checked_line(line)
    assert "mine.yaml" in line or line.startswith("detectors: ")


def subprocess_of(command, path):
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lib", command, str(path)],
        cwd=paths.ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
