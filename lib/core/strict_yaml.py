"""YAML files as people read them: what YAML would quietly take for something else is refused, with its line.

YAML 1.1 reads `no` as false, `010` as 8 and `1:30` as 90, and keeps the last of two equal keys. Aliases can make a
small file fill the memory, and tags can name any type. None of this is needed for a list of settings.
"""

import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn

import yaml

from lib.core import paths
from lib.core.errors import UserError

MOST_BYTES = 200_000  # of a file; the largest parameter set of this project has 5,000
DEEPEST = 20  # lists and mappings inside one another
LONGEST = 40  # characters of a number
MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}  # byte order marks of what is not UTF-8
PLAINER = {
    r"'\\t'": "a tab, where YAML allows only spaces",
    "end of stream|stream end": "the file ends within a list, a mapping or a text in quotes",
    "another document": "a second document begins here; one file holds one",
    "mapping values are not allowed": "a colon where YAML allows none; put text that has one in quotes",
    "could not find expected ':'": "a line without `key:` before its value",
    "alphabetic or numeric": "a * or & where YAML expects a name after it; put text that begins with one in quotes",
    "cannot start any token": "a % or @ or ` that YAML keeps for itself; put text that begins with one in quotes",
}


def read(path: Path) -> Any:
    """What a YAML file says: text, numbers, true and false, None, and lists and mappings of them, keys being text.

    Args:
        path: a regular file of UTF-8, with or without a byte order mark, of at most `MOST_BYTES`.

    Raises:
        UserError: it cannot be read, is not YAML, or holds something that YAML takes for something else; the message
            names the file and, where there is one, the line.
    """
    where = paths.shown(path)
    text = _text(path, where)
    _check_characters(text, where)
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(where, mark and mark.line + 1, str(error.problem or error.context)) from None
    except (ValueError, OverflowError):  # a code point or a date that there is not
        raise _refused(where, loader.line + 1, "a value that there is not") from None
    finally:
        loader.dispose()


def _text(path: Path, where: str) -> str:
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):  # reading a pipe would wait for ever
            raise UserError(f"{where}: not a file that can be read; give a YAML file")
        if facts.st_size > MOST_BYTES:
            raise UserError(f"{where}: has {facts.st_size:,} bytes, more than the {MOST_BYTES:,} of any parameter set")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{where}: not readable: {error.strerror or error}") from None
    name = MARKS.get(content[:2]) or ("UTF-16 or binary" if b"\0" in content else "")
    if name:
        raise UserError(f"{where}: not readable as YAML: its bytes are {name}; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise _refused(where, line, f"the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None


def _check_characters(text: str, where: str) -> None:
    """Refuse what the reader would refuse, whose error has no line."""
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _refused(where, line, f"the control character U+{ord(found[0]):04X}, which YAML does not allow")


def _refused(where: str, line: int | None, problem: str) -> UserError:
    plainer = next((words for pattern, words in PLAINER.items() if re.search(pattern, problem)), problem)
    return UserError(f"{where}{f', line {line}' if line else ''}: not readable as YAML: {plainer}")


class _Loader(yaml.SafeLoader):
    """Builds plain values only, and says where it finds something else."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        event = self.peek_event()
        if getattr(event, "anchor", None):
            _refuse(event, "anchors (&) and aliases (*) are not read; write the value out, or put text in quotes")
        if getattr(event, "tag", None):
            _refuse(event, "tags (!) are not read; put text in quotes")
        if self._depth >= DEEPEST:
            _refuse(event, f"nested more than {DEEPEST} deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """A mapping; a key given twice is refused, where YAML would keep the last."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                _refuse(key, "merge keys (<<) are not read; say `extends: <study>`")
            value = self.construct_object(key) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(value, str):
                _refuse(key, f"a key must be a word, and is {_short(key.value) if value is not None else 'none'}")
            if value in seen:
                _refuse(key, f"'{_short(value)}' is given twice")
            seen.add(value)
        return self.construct_mapping(node, deep=True)

    def sequence(self, node: yaml.SequenceNode) -> list[Any]:
        """A list."""
        return self.construct_sequence(node, deep=True)

    def text(self, node: yaml.ScalarNode) -> str:
        """Text; also what YAML would take for a date. No path and no UTF-8 has a NUL or half a character."""
        for character in node.value:
            if character == "\0" or "\ud800" <= character <= "\udfff":
                _refuse(node, f"text with the character U+{ord(character):04X}, which no file can hold")
        return node.value

    def truth(self, node: yaml.ScalarNode) -> bool:
        """True or false, where it is called so."""
        value = self.construct_yaml_bool(node)
        if node.value.lower() not in ("true", "false"):
            _misread(node, str(value).lower())
        return value

    def number(self, node: yaml.ScalarNode) -> float:
        """A whole number or a float, unless it is one to a base that it does not show."""
        if len(node.value) > LONGEST:
            _refuse(node, f"a number of {len(node.value)} characters")
        whole = node.tag == "tag:yaml.org,2002:int"
        try:
            value = self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        except ValueError:  # such as 0x_
            _refuse(node, f"'{node.value}' is not a number")
        if ":" in node.value or (whole and re.match(r"[-+]?0[0-7_]", node.value)):
            _misread(node, f"{value:g}" if value < 1e6 else str(value))
        return value


for _name in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _Loader.number)
for _name in ("str", "timestamp", "value"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _Loader.text)
_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.truth)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _Loader.sequence)


def _refuse(place: yaml.Node | yaml.Event, problem: str) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, place.start_mark)


def _misread(node: yaml.ScalarNode, value: str) -> NoReturn:
    _refuse(node, f"YAML reads {node.value} as {value}; write {value}, or '{node.value}' for text")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else "a list or a mapping"
    return text if len(text) <= 60 else f"{text[:57]}..."
