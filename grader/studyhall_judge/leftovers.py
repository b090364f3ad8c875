"""What a learner got with a task and left beside the answer, where it keeps the answer from running.

Whoever reads the answer passes over it: the line that says that there is none yet, and the empty function below the one
that was written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

MARK = "NotImplementedError"

LEFT = (
    "The line that stands for a missing answer (raise NotImplementedError) had been left beside your answer. It was "
    "left out."
)
STUB = "The empty function that you got with the task had been left below your answer. It was left out."


def without_leftovers(source: str, shown: str) -> tuple[str, str]:
    """Return an answer without what is left of ``shown``, which the learner got, and what to tell of it."""
    if MARK not in source or MARK not in shown:
        return source, ""
    try:
        mine, stub = ast.parse(source), ast.parse(shown)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source, ""
    stubs = {ast.dump(one) for one in stub.body if isinstance(one, _DEFINITIONS)}
    placeholders = {ast.dump(one) for one in ast.walk(stub) if isinstance(one, ast.Raise)}
    empty = list(_empty_again(mine.body, stubs))
    given = {ast.dump(one) for one in ast.walk(stub) if isinstance(one, ast.stmt)}
    lines = [one for body in _bodies(mine) for one in _needless(body, placeholders, given)]
    inside = {id(one) for function in empty for one in ast.walk(function)}
    lines = [one for one in lines if id(one) not in inside]
    text = source.split("\n")
    for one in (*empty, *lines):
        first = min([one.lineno, *(mark.lineno for mark in getattr(one, "decorator_list", []))])
        for number in range(first - 1, one.end_lineno or one.lineno):
            text[number] = ""
    left = "\n".join(text)
    try:
        ast.parse(left)
    except (SyntaxError, ValueError):
        return source, ""
    return left, " ".join([*([STUB] if empty else []), *([LEFT] if lines else [])])


_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _empty_again(body: list[ast.stmt], stubs: set[str]) -> Iterator[ast.stmt]:
    """Yield the definitions as they were given below another one of the same name."""
    written: set[str] = set()
    for one in body:
        if not isinstance(one, _DEFINITIONS):
            continue
        if ast.dump(one) not in stubs:
            written.add(one.name)
        elif one.name in written and MARK in ast.dump(one):
            yield one


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield what stands side by side at the top and in each function: in a branch of an ``if`` it may be meant."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            yield one.body


def _needless(body: list[ast.stmt], placeholders: set[str], given: set[str]) -> Iterator[ast.stmt]:
    """Yield the placeholders beside which something was written that was not ``given`` with the task."""
    marks: list[ast.stmt] = []
    for one in body:
        if isinstance(one, ast.Return):
            break  # nothing below it runs
        if isinstance(one, ast.Raise) and ast.dump(one) in placeholders:
            marks.append(one)
    if marks and any(ast.dump(one) not in given and not _says_nothing(one) for one in body):
        yield from marks


def _says_nothing(statement: ast.stmt) -> bool:
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return text or isinstance(statement, ast.Pass)
