"""Says in words which assertion of a visible test has failed, and what came out where that may be shown.

The assertion's own text stands in the test, which a learner can read. Values come from a sandbox with the learner's
code, so they are shown only where no hidden test has run before.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

_LONGEST_PIECE = 160
_LONGEST_VALUE = 300
_MOST_VALUES = 5
_NO_VALUE = "None"
_OBJECT = re.compile(r"an object of class \w+")
"""How the sandbox shows an object of a class written in Python."""


@dataclass(frozen=True)
class Failure:
    """What the sandbox said of an assertion: first line and column and last ones, values, and names of loops."""

    place: tuple[int, ...]
    values: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


def read_failure(said: Any) -> Failure | None:
    """Return what the sandbox said; None where that is not as it should be, since learners' code runs there."""
    if not isinstance(said, dict):
        return None
    place, values, names = said.get("place"), said.get("values"), said.get("names")
    if not (isinstance(place, list) and len(place) == 4 and all(type(one) is int for one in place)):
        return None
    if not (isinstance(values, list) and isinstance(names, list)):
        return None
    pairs = [one for one in names[:_MOST_VALUES] if isinstance(one, list) and len(one) == 2]
    turns = tuple((str(name), _cut(str(value))) for name, value in pairs)
    return Failure(tuple(place), tuple(_cut(str(one)) for one in values[:_MOST_VALUES]), turns)


def say_failure(source: str, line: int | None, failure: Failure | None, *, from_test: bool) -> str:
    """Say which assertion of a test failed, or which line called what failed; nothing where that is not known.

    Args:
        source: the visible test's own text.
        line: the line of the test that failed.
        failure: what its assertion was about, None where that may not be shown.
        from_test: whether the test's own assertion failed, and not one in what it called.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    statement = _statement_at(tree, line)
    if statement is None:
        return ""
    if not from_test and isinstance(statement, ast.Assert):
        return f"An assert in your own code failed while the test asked for this: {_piece(source, statement.test)}"
    if not isinstance(statement, ast.Assert):
        return f"This line of the test failed: {_piece(source, statement)}"
    part = None if failure is None else _part_at(statement, failure.place)
    if part is None or failure is None:
        return f"This did not hold: {_piece(source, statement.test)}"
    said, after = _of_part(source, part, failure.values)
    operands = [part.left, *part.comparators] if isinstance(part, ast.Compare) else []
    compared = {one.id for one in operands if isinstance(one, ast.Name)}
    turn = ", ".join(f"{name} = {value}" for name, value in failure.names if name not in compared)
    return said + (f", with {turn}." if turn else ".") + after


def _statement_at(tree: ast.Module, line: int | None) -> ast.stmt | None:
    """Return the innermost statement at a line, which holds no others."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and line is not None and node.lineno <= line <= (node.end_lineno or 0)
    ]
    last = found[-1] if found else None  # the walk goes from what is outside to what is inside
    return None if last is None or hasattr(last, "body") else last


def _part_at(statement: ast.Assert, place: tuple[int, ...]) -> ast.expr | None:
    for node in ast.walk(statement.test):
        if isinstance(node, ast.expr):
            here = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
            if here == place:
                return node
    return None


def _of_part(source: str, part: ast.expr, values: tuple[str, ...]) -> tuple[str, str]:
    """Return a sentence without its end, and what is to follow."""
    whole = _piece(source, part)
    if isinstance(part, ast.Compare) and len(values) >= 2:
        return _of_comparison(source, part, whole, values)
    if isinstance(part, ast.UnaryOp) and values:
        return _with_values(whole, [(_piece(source, part.operand), part.operand, values[0])])
    if isinstance(part, ast.Call) and len(values) == len(part.args) + 1 and len(values) > 1:
        pairs = zip(part.args, values[1:], strict=True)
        return _with_values(whole, [(_piece(source, one), one, value) for one, value in pairs])
    if (
        values
        and values[0] != "False"
        and isinstance(part, ast.Call | ast.Name | ast.Attribute | ast.Subscript)
    ):
        return _came(whole, part, values[0]), _forgotten(part, values[0])
    return _with_values(whole, [])


def _of_comparison(source: str, part: ast.Compare, whole: str, values: tuple[str, ...]) -> tuple[str, str]:
    left, right = part.left, part.comparators[0]
    got, expected = values[0], values[1]
    if isinstance(part.ops[0], ast.Eq) and len(part.ops) == 1:
        if _is_written_out(left) and not _is_written_out(right):
            left, right, got, expected = right, left, expected, got
        came = _came(_piece(source, left), left, got)
        if _OBJECT.fullmatch(got) and _OBJECT.fullmatch(expected):
            return (
                f"This did not hold: {whole}",
                " Two objects are equal only where their class defines __eq__.",
            )
        if got == expected:
            return f"{came}, which is not equal to {_piece(source, right)}", ""
        return f"{came}, expected {expected}", _forgotten(left, got)
    return _with_values(
        whole, [(_piece(source, one), one, value) for one, value in ((left, got), (right, expected))]
    )


def _with_values(whole: str, pieces: list[tuple[str, ast.expr, str]]) -> tuple[str, str]:
    came = [
        _came(text, node, value)
        for text, node, value in pieces
        if not _is_written_out(node) and not value.startswith("<class ")
    ]
    after = next((said for _, node, value in pieces if (said := _forgotten(node, value))), "")
    return f"This did not hold: {whole}" + (f" ({'; '.join(came)})" if came else ""), after


def _came(text: str, node: ast.expr, value: str) -> str:
    return f"{text} {'gave' if isinstance(node, ast.Call) else 'is'} {value}"


def _forgotten(node: ast.expr, value: str) -> str:
    """Ask after the mistake that beginners make most often."""
    return " Is a return missing?" if isinstance(node, ast.Call) and value == _NO_VALUE else ""


def _is_written_out(node: ast.expr) -> bool:
    return not any(isinstance(one, ast.Name | ast.Call | ast.Attribute) for one in ast.walk(node))


def _piece(source: str, node: ast.AST) -> str:
    text = re.sub(r"\s+", " ", ast.get_source_segment(source, node) or "")
    return text if len(text) <= _LONGEST_PIECE else f"{text[:_LONGEST_PIECE].rstrip()}…"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
