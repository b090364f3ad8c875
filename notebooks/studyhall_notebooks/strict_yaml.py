"""YAML as authors expect it: every value is the text that was written, and traps are errors.

No implicit types (``no`` stays a word, ``3.10`` keeps its zero), no aliases (they can expand without bound)
and no repeated keys (the first would be lost without a word). pydantic turns the texts into numbers and
times.
"""

from typing import Any, Final

import yaml

MAX_YAML_BYTES: Final = 500_000
_MAX_DEPTH: Final = 30


class YamlError(Exception):
    """The YAML text cannot be used; the message says where and why, for people."""


class _Loader(yaml.BaseLoader):
    """Builds only strings, lists and dictionaries."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs leave it out
            raise YamlError(
                f"line {event.start_mark.line + 1}: aliases (*name) are not allowed; write the value again"
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
        raise YamlError(f"{where}{error.problem or error.context or 'this is not YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlError("this is not YAML text") from error
