"""YAML as authors expect it: every value is the text that was written, and traps are errors.

No implicit types (``no`` stays a word, ``3.10`` keeps its zero), no aliases (they can expand without bound)
and no repeated keys (the first would be lost without a word). pydantic turns the texts into numbers and
times.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml

MAX_YAML_BYTES: Final = 500_000
_MAX_DEPTH: Final = 30
_NEED_QUOTES: Final = "`@%*&!|>"
_WORDS: Final = {
    r"'\t'": "indent with spaces; there is a tab",
    "mapping values are not allowed": "a colon too many, or a line that is indented wrongly; put quotes around a text "
    "that holds a colon",
    "expected <block end>": "this line is indented otherwise than the lines that it belongs to",
    "could not find expected ':'": "a line has no colon after its name",
}
"""What PyYAML says of the commonest mistakes, and what people should read."""


class YamlError(Exception):
    """The YAML text cannot be used; the message says where and why, for people."""


class _Loader(yaml.BaseLoader):
    """Builds only strings, lists and dictionaries."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs leave it out
            raise YamlError(
                f"line {event.start_mark.line + 1}: aliases (*name) are not allowed; write the value again, "
                "or put quotes around a text that begins with *"
            )
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise YamlError("lists and mappings are nested too deeply")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key_node, _value in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError(f"line {line}: a key must be a word")
            if key_node.value in seen:
                raise YamlError(f"line {line}: the key {key_node.value!r} is written twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> Any:
    """Return the text's content made of str, list and dict only.

    Raises:
        YamlError: it is not YAML or uses what the module forbids.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the loader above builds nothing but texts
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise YamlError(f"{where}{_in_words(error)}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError("this is not YAML text") from error


def line_of(text: str, place: Sequence[str | int]) -> int | None:
    """Return the line, from 1, where a value of a YAML text that `load_yaml` can read stands, or its nearest parent."""
    node = yaml.compose(text, Loader=_Loader)
    line: int | None = None
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _in_words(error: yaml.MarkedYAMLError) -> str:
    """Say what a person did that YAML cannot read, for the mistakes that people make; else what PyYAML says."""
    said = error.problem or error.context or "this is not YAML"
    begun = error.context_mark.line + 1 if error.context_mark else None
    if "quoted scalar" in (error.context or ""):
        return f"the quote that begins in line {begun} never ends"
    if "flow" in (error.context or ""):
        return f"a comma or a closing bracket is missing in what begins in line {begun}"
    for sign, words in _WORDS.items():
        if sign in said:
            return words
    first = re.search(r"found (?:character )?'(.)'", said)
    if first and first[1] in _NEED_QUOTES:
        return f"put quotes around a text that begins with {first[1]}"
    return said
