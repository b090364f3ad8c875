"""A course's settings files: YAML read into a model, and what is wrong with one in words for its author."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel, ValidationError

from studyhall_notebooks.course_files import CourseFolder
from studyhall_notebooks.errors import CourseError
from studyhall_notebooks.strict_yaml import MAX_YAML_BYTES, YamlError, line_of, load_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Model = TypeVar("_Model", bound=BaseModel)
_MOST_PROBLEMS: Final = 5
_WORDS: Final = {
    "string_pattern_mismatch": "may hold only English letters, digits, . _ and -, and begins with a letter or digit",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be one text, no list and no settings of its own",
    "string_too_short": "is empty; a text that begins with # needs quotes",
    "list_type": "must be a list: each item begins with a - on a line of its own",
    "too_short": "needs at least one item",
    "model_type": "must be settings, written as name: value",
}
"""What pydantic's kinds of error mean for somebody who has never heard of it."""


def read_settings(folder: CourseFolder, path: Path, kind: type[_Model]) -> _Model:
    """Read a YAML file into a model.

    Raises:
        CourseError: with the file, the lines and places in it, what is wrong there and what would be right.
    """
    shown = folder.shown(path)
    try:
        text = folder.read(path, MAX_YAML_BYTES).decode("utf-8-sig")
        content = load_yaml(text)
    except UnicodeDecodeError as error:
        raise CourseError(shown, "This file is not UTF-8 text.", "Save it as UTF-8.") from error
    except YamlError as error:
        raise CourseError(shown, f"{_as_sentence(str(error))}.", "Mend the YAML.") from error
    if not isinstance(content, dict):
        raise CourseError(shown, "This file holds no settings.", "Write them as `name: value` lines.")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise CourseError(shown, _problems(error, text), "Mend this in the file.") from error


def _problems(error: ValidationError, text: str) -> str:
    """Return the first problems in words, so that nobody has to come back for each."""
    problems = error.errors(include_url=False)
    said = []
    for problem in problems[:_MOST_PROBLEMS]:
        line = line_of(text, problem["loc"])
        words = _problem(problem)
        said.append(f"Line {line}: {words}" if line else words)
    more = len(problems) - _MOST_PROBLEMS
    if more > 0:
        said.append(f"There are {more} more.")
    return " ".join(said)


def _problem(problem: "ErrorDetails") -> str:
    """Return one problem in words, its place as people count: units, 1, lessons, 2, due."""
    place = ", ".join(str(step + 1) if isinstance(step, int) else str(step) for step in problem["loc"])
    found, kind = problem["input"], problem["type"]
    if kind == "missing":
        return f"{place} is missing."
    if kind == "extra_forbidden":
        return f"{place} is not a setting that is known here."
    shown = f" (found {str(found)[:80]!r})" if isinstance(found, str) and found else ""
    if kind.startswith("timezone_") or "datetime" in kind:
        return f"{place} must be a time with its zone, such as 2027-01-31T18:00:00Z{shown}."
    if kind in _WORDS:
        return f"{place} {_WORDS[kind]}{shown}."
    words = problem["msg"].removeprefix("Value error, ")
    words = words[:1].lower() + words[1:]
    if words.startswith("input should be "):
        return f"{place} must be {words.removeprefix('input should be ')}{shown}."
    return f"{place}: {words}{shown}." if place else f"{_as_sentence(words)}."


def _as_sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
