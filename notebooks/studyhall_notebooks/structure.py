"""From any JSON object to a valid nbformat 4.5 notebook, keeping every text a person may have written."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nbformat.notebooknode import NotebookNode, from_dict

from studyhall_notebooks.errors import NotANotebookError, UnsupportedVersionError

MAX_CELLS: Final = 20_000
MAX_NESTED_LINES: Final = 3
NUMBERS_NAMED: Final = 10
"""Cells that a repair names one by one."""

_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CELL_TYPES: Final = ("code", "markdown", "raw")


@dataclass(frozen=True)
class ParseRepair:
    """One thing that was mended while reading; ``cell_index`` counts from 0, None is the notebook."""

    code: str
    cell_index: int | None
    message: str


def notebook_from_json(content: dict[str, Any]) -> tuple[NotebookNode, list[ParseRepair]]:
    """Return ``content`` as a valid nbformat 4.5 notebook and the repairs it took.

    Raises:
        NotANotebookError: there is no list of cells.
        UnsupportedVersionError: older than nbformat 3 or newer than 4, and without cells of version 4.
    """
    repairs: list[ParseRepair] = []
    version = content.get("nbformat")
    if "nbformat" not in content and isinstance(content.get("cells"), list):
        version = 4
        repairs.append(ParseRepair("missing_version", None, "The notebook did not say its format version."))
    if isinstance(version, float) and version.is_integer():
        version = int(version)
    if isinstance(version, bool) or version not in (3, 4) or (version == 3 and "worksheets" not in content):
        # Another program has changed the number, not the cells.
        if _holds_cells(content):
            version = 4
            repairs.append(ParseRepair("wrong_version", None, "The notebook's format version was wrong."))
        elif isinstance(version, bool) or not isinstance(version, int):
            raise NotANotebookError
    if version == 4 and not content.get("cells") and isinstance(content.get("worksheets"), list):
        repairs.append(ParseRepair("wrong_version", None, "The notebook's format version was wrong."))
        version = 3
    if version == 3:
        content = _from_version_3(content)
    elif version != 4:
        raise UnsupportedVersionError(
            f"This notebook has format version {str(version)[:20]}; versions 3 and 4 are supported. Open it "
            "in "
            "JupyterLab, save it and try again."
        )
    cells = content.get("cells")
    if not isinstance(cells, list) or len(cells) > MAX_CELLS:
        raise NotANotebookError
    minor = content.get("nbformat_minor")
    had_ids = version == 4 and isinstance(minor, int) and minor >= 5
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": _notebook_metadata(content.get("metadata")),
        "cells": _cells(cells, repairs, had_ids=had_ids),
    }
    return as_node(notebook), repairs


def _holds_cells(content: dict[str, Any]) -> bool:
    cells = content.get("cells")
    return isinstance(cells, list) and any(isinstance(cell, dict) and "cell_type" in cell for cell in cells)


def as_node(content: dict[str, Any]) -> NotebookNode:
    """Return a JSON object as the node type of nbformat, all the way down."""
    node: NotebookNode = from_dict(content)  # type: ignore[no-untyped-call] # nbformat has no annotations
    return node


def joined(value: Any) -> str:
    """Return a text of the format (a string or a list of strings) as one string, else ""."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return ""


def _source(value: Any) -> str:
    """Return a cell's text; lines of which none but the last has an end are put under one another.

    A list of single letters is a text that some program took apart.
    """
    value = _flat(value)
    lines = value if isinstance(value, list) and all(isinstance(line, str) for line in value) else []
    if max(map(len, lines), default=0) > 1 and not any(line.endswith(("\n", "\r")) for line in lines[:-1]):
        return "\n".join(lines)
    return joined(value)


def _flat(value: Any) -> Any:
    """Return a list of lists of lines as one list of lines, and lines that are numbered by their keys as a list."""
    if isinstance(value, dict) and value and all(isinstance(line, str) for line in value.values()):
        return list(value.values())
    for _ in range(MAX_NESTED_LINES):
        if not isinstance(value, list) or not any(isinstance(line, list) for line in value):
            break
        value = [line for part in value for line in (part if isinstance(part, list) else [part])]
    return value


def _from_version_3(content: dict[str, Any]) -> dict[str, Any]:
    sheets = content.get("worksheets")
    if not isinstance(sheets, list):
        raise NotANotebookError
    cells: list[Any] = []
    for sheet in sheets:
        sheet_cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if isinstance(sheet_cells, list):
            cells.extend(
                _cell_from_version_3(cell) if isinstance(cell, dict) else cell for cell in sheet_cells
            )
    metadata = content.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    name = metadata.pop("name", None)
    if isinstance(name, str) and name and "title" not in metadata:
        metadata["title"] = name
    metadata.pop("signature", None)
    return {"metadata": metadata, "cells": cells}


_MIME_OF_VERSION_3: Final = {
    "text": "text/plain",
    "html": "text/html",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "latex": "text/latex",
    "json": "application/json",
    "javascript": "application/javascript",
}


def _cell_from_version_3(cell: dict[str, Any]) -> dict[str, Any]:
    cell = dict(cell)
    if cell.get("cell_type") == "code":
        cell["source"] = cell.pop("input", cell.get("source", ""))
        cell["execution_count"] = cell.pop("prompt_number", None)
        outputs = cell.get("outputs")
        cell["outputs"] = (
            [_output_from_version_3(output) for output in outputs if isinstance(output, dict)]
            if isinstance(outputs, list)
            else []
        )
        metadata = cell.get("metadata")
        if isinstance(metadata, dict) and isinstance(cell.get("collapsed"), bool):
            cell["metadata"] = {**metadata, "collapsed": cell["collapsed"]}
    elif cell.get("cell_type") == "heading":
        level = cell.get("level")
        level = level if isinstance(level, int) and 1 <= level <= 6 else 1
        cell["cell_type"] = "markdown"
        cell["source"] = "#" * level + " " + " ".join(joined(cell.get("source")).splitlines())
    elif cell.get("cell_type") == "html":
        cell["cell_type"] = "markdown"
    return cell


def _output_from_version_3(output: dict[str, Any]) -> dict[str, Any]:
    kind = output.get("output_type")
    if kind == "stream":
        return {**output, "name": output.get("stream", "stdout")}
    if kind == "pyerr":
        return {**output, "output_type": "error"}
    if kind in ("pyout", "display_data"):
        data = {mime: output[key] for key, mime in _MIME_OF_VERSION_3.items() if key in output}
        return {
            "output_type": "execute_result" if kind == "pyout" else "display_data",
            "execution_count": output.get("prompt_number"),
            "data": data,
            "metadata": output.get("metadata"),
        }
    return output


def _notebook_metadata(value: Any) -> dict[str, Any]:
    metadata = dict(value) if isinstance(value, dict) else {}
    metadata.pop("orig_nbformat", None)
    if "title" in metadata and not isinstance(metadata["title"], str):
        del metadata["title"]
    if "authors" in metadata and not isinstance(metadata["authors"], list):
        del metadata["authors"]
    if "kernelspec" in metadata:
        kernelspec = metadata["kernelspec"]
        name = kernelspec.get("name") if isinstance(kernelspec, dict) else None
        if isinstance(name, str) and name:
            display_name = kernelspec.get("display_name")
            if not isinstance(display_name, str):
                display_name = name
            metadata["kernelspec"] = {**kernelspec, "display_name": display_name}
            if not isinstance(kernelspec.get("language", ""), str):
                del metadata["kernelspec"]["language"]
        else:
            del metadata["kernelspec"]
    if "language_info" in metadata:
        language = metadata["language_info"]
        if not isinstance(language, dict) or not isinstance(language.get("name"), str):
            del metadata["language_info"]
        else:
            text_keys = ("file_extension", "mimetype", "pygments_lexer")
            metadata["language_info"] = {
                key: item
                for key, item in language.items()
                if (key not in text_keys or isinstance(item, str))
                and (key != "codemirror_mode" or isinstance(item, str | dict))
            }
    return metadata


def _cells(cells: list[Any], repairs: list[ParseRepair], *, had_ids: bool) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    seen: set[str] = set()
    repeated: list[int] = []
    missing: list[int] = []
    endless: list[int] = []
    for number, given_cell in enumerate(_flat(cells), 1):
        cell = _renamed(given_cell) if isinstance(given_cell, dict) else given_cell
        if not isinstance(cell, dict):
            repairs.append(
                ParseRepair(
                    "unreadable_cell", len(result), f"Cell {number} could not be read and was left out."
                )
            )
            continue
        sound = _cell(cell, len(result), number, repairs)
        if sound["source"] != joined(_flat(cell.get("source"))):
            endless.append(number)
        given = cell.get("id")
        if isinstance(given, str) and _CELL_ID.fullmatch(given) and given not in seen:
            identifier = given
        else:
            identifier = _new_id(sound, len(result), seen)
            (repeated if isinstance(given, str) and given in seen else missing).append(number)
        seen.add(identifier)
        result.append({"id": identifier, **sound})
    if endless:
        repairs.append(
            ParseRepair("lines_without_ends", None, f"{_these(endless)} had lines without their ends.")
        )
    if had_ids:
        # One repair each, however many cells: another program does this to all of them at once.
        for code, numbers, what in (
            ("repeated_cell_id", repeated, "the id of another cell"),
            ("missing_cell_id", missing, "no usable id"),
        ):
            if numbers:
                repairs.append(ParseRepair(code, None, f"{_these(numbers)} had {what} and got a new one."))
    return result


def _renamed(cell: dict[str, Any]) -> dict[str, Any]:
    """Return a cell with the format's own words for what version 3 and VS Code's interface call otherwise."""
    if "source" in cell:
        return cell
    text = next((key for key in ("input", "value") if key in cell), None)
    renamed = cell if text is None else {**cell, "source": cell[text]}
    if "cell_type" not in cell and cell.get("kind") in (1, 2):
        renamed = {**renamed, "cell_type": "code" if cell["kind"] == 2 else "markdown"}
    return renamed


def _these(numbers: list[int]) -> str:
    """Name cells by their numbers in the file, some of them when there are many."""
    if len(numbers) == 1:
        return f"Cell {numbers[0]}"
    if len(numbers) > NUMBERS_NAMED:
        return f"{len(numbers)} cells, the first of them cell {numbers[0]},"
    return f"Cells {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _new_id(cell: Mapping[str, Any], place: int, seen: set[str]) -> str:
    """Make an id from the cell's place and type, so that reading the same file twice gives the same ids.

    Not from its text: a learner could try guesses at a hidden test against such an id.
    """
    number = 0
    while True:
        words = f"{place}/{number}/{cell['cell_type']}"
        identifier = hashlib.sha256(words.encode("utf-8")).hexdigest()[:8]
        if identifier not in seen:
            return identifier
        number += 1


def _cell(cell: dict[str, Any], place: int, number: int, repairs: list[ParseRepair]) -> dict[str, Any]:
    """Return a sound cell. ``place`` counts those that are kept, ``number`` those of the file, as a person does."""
    kind = cell.get("cell_type")
    if kind not in _CELL_TYPES:
        guessed = "code" if "outputs" in cell or "execution_count" in cell else "markdown"
        repairs.append(
            ParseRepair(
                "unknown_cell_type", place, f"Cell {number} had no known type and was read as {guessed}."
            )
        )
        kind = guessed
    source = _flat(cell.get("source", ""))
    if not isinstance(source, str) and not (
        isinstance(source, list) and all(isinstance(line, str) for line in source)
    ):
        repairs.append(ParseRepair("unreadable_source", place, f"Part of cell {number} was not text."))
    result: dict[str, Any] = {
        "cell_type": kind,
        "metadata": _cell_metadata(cell.get("metadata")),
        "source": _source(source),
    }
    if kind == "code":
        outputs = cell.get("outputs")
        result["outputs"] = [
            sound
            for output in (outputs if isinstance(outputs, list) else [])
            if isinstance(output, dict) and (sound := _output(output)) is not None
        ]
        result["execution_count"] = _count(cell.get("execution_count"))
    elif "attachments" in cell:
        attachments = cell["attachments"]
        if isinstance(attachments, dict):
            result["attachments"] = {
                name: _mime_bundle(bundle) for name, bundle in attachments.items() if isinstance(bundle, dict)
            }
    return result


def _cell_metadata(value: Any) -> dict[str, Any]:
    metadata = dict(value) if isinstance(value, dict) else {}
    checks: dict[str, Callable[[Any], bool]] = {
        "name": lambda item: isinstance(item, str) and re.search(r"^.+$", item) is not None,
        "format": lambda item: isinstance(item, str),
        "jupyter": lambda item: isinstance(item, dict),
        "collapsed": lambda item: isinstance(item, bool),
        "scrolled": lambda item: isinstance(item, bool) or item == "auto",
        "execution": lambda item: (
            isinstance(item, dict) and all(isinstance(moment, str) for moment in item.values())
        ),
        "tags": lambda item: isinstance(item, list),
    }
    for key, is_sound in checks.items():
        if key in metadata and not is_sound(metadata[key]):
            del metadata[key]
    if "tags" in metadata:
        tags = [tag for tag in metadata["tags"] if isinstance(tag, str) and re.search(r"^[^,]+$", tag)]
        metadata["tags"] = list(dict.fromkeys(tags))
    return metadata


def _output(output: dict[str, Any]) -> dict[str, Any] | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = output.get("name")
        return {
            "output_type": "stream",
            "name": name if isinstance(name, str) else "stdout",
            "text": joined(output.get("text")),
        }
    if kind == "error":
        traceback = output.get("traceback")
        return {
            "output_type": "error",
            "ename": joined(output.get("ename")),
            "evalue": joined(output.get("evalue")),
            "traceback": [line for line in traceback if isinstance(line, str)]
            if isinstance(traceback, list)
            else [],
        }
    if kind in ("execute_result", "display_data"):
        data, metadata = output.get("data"), output.get("metadata")
        result: dict[str, Any] = {
            "output_type": kind,
            "data": _mime_bundle(data) if isinstance(data, dict) else {},
            "metadata": metadata if isinstance(metadata, dict) else {},
        }
        if kind == "execute_result":
            result["execution_count"] = _count(output.get("execution_count"))
        return result
    return None


def _mime_bundle(bundle: dict[str, Any]) -> dict[str, Any]:
    """Join lines; JSON types keep their value, any other type must be text."""
    result: dict[str, Any] = {}
    for mime, value in bundle.items():
        if mime == "application/json" or (mime.startswith("application/") and mime.endswith("+json")):
            result[mime] = value
        elif isinstance(value, str | list):
            result[mime] = joined(value)
    return result


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
