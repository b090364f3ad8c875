"""A release as the judge uses it: notebooks parsed once, names that the exercises are about, files packed once."""

from __future__ import annotations

import ast
import base64
import binascii
import builtins
import copy
import fcntl
import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nbformat.notebooknode import NotebookNode
from studyhall_notebooks.cells import CellRole, TestInfo, grade_id, role_of, studyhall_metadata, tests_of
from studyhall_notebooks.driven import DrivenTest, parse_driven
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import read_notebook
from studyhall_notebooks.release import learner_version

from studyhall_judge.likeness import plain
from studyhall_judge.magics import as_python
from studyhall_judge.report import Release
from studyhall_judge.sandbox.compiler import Lesson
from studyhall_judge.sandbox.ownership import helpers_of, own_names, spoken_names

RELEASES_KEPT = 64
"""Releases kept in memory. A course has tens of lessons; what falls out is asked for again."""

MAX_SOURCE_BYTES = 50_000_000
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008
_ADD_SEALS = 1033
_DEFINED = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


_RUNS_CODE = (ast.Call, ast.Attribute, ast.Await)
_WORD = re.compile(r"[^\W\d]\w*")
_PARAGRAPH = re.compile(r"\n\s*\n")
_SPEAKS_OF_CLASS = re.compile(r"\bclass(?:es)?\b", re.IGNORECASE)
_QUOTED_CLASS = re.compile(r"(?<!`)`(?:class )?([A-Z]\w*)(?:\([^`]*\))?:?`(?!`)")


class BadRelease(Exception):
    """The release itself cannot be used, whatever a learner sends."""


_COMPARED_ANEW = re.compile(
    r"""(\w+)\.__(?:eq|ne|lt|le|gt|ge|bool|contains)__\s*=[^=]|setattr\(\s*(\w+)\s*,\s*["']__|total_ordering\((\w+)\)"""
)
"""Where a class is given another way to compare after it was defined."""

_DEFINITION = re.compile(r"^[^\S\n]*(?:async\s+)?(def|class)\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class ReleasedCell:
    """One cell of the released source.

    ``source`` is what the judge runs (hidden tests included), ``shown`` what the learner got. ``names`` are the
    functions, classes and variables that the cell defines at its top level. ``driven`` is what a test says
    that runs from outside.
    """

    node: NotebookNode
    role: CellRole
    grade_id: str | None
    source: str
    shown: str
    names: frozenset[str]
    driven: DrivenTest | None = None

    @property
    def is_code(self) -> bool:
        """Whether the cell runs."""
        return bool(self.node.cell_type == "code")

    @cached_property
    def plain(self) -> str:
        """What the learner got, as it is compared."""
        return plain(self.shown)

    @property
    def is_learners(self) -> bool:
        """Whether the text is the learner's."""
        return self.role in (CellRole.answer, CellRole.manual)

    @property
    def is_anchor(self) -> bool:
        """Whether the cell has an identity of its own, by which a submitted cell is recognised."""
        return self.grade_id is not None and self.role not in (CellRole.plain, CellRole.quiz)


@dataclass(frozen=True)
class ReleasedNotebook:
    """One notebook of a release.

    ``lesson`` holds the names that its released cells define, and the classes of the author's solutions.
    """

    name: str
    node: NotebookNode
    cells: tuple[ReleasedCell, ...]
    tests: dict[str, TestInfo]
    lesson: Lesson


@dataclass
class PreparedRelease:
    """A release ready for use. ``files`` is a sealed memory file (see `pack_files`) or None."""

    hash: str
    notebooks: dict[str, ReleasedNotebook]
    file_names: frozenset[str]
    files: int | None = field(default=None)

    def close(self) -> None:
        """Give the memory file back."""
        if self.files is not None:
            os.close(self.files)
            self.files = None


def prepare(release: Release) -> PreparedRelease:
    """Parse a release. Raises `BadRelease`."""
    notebooks = {}
    for notebook in release.notebooks:
        try:
            node = read_notebook(notebook.source, max_bytes=MAX_SOURCE_BYTES)
            shown = learner_version(node, course="", lesson="", release=0, notebook=notebook.name)
        except NotebookError as error:
            raise BadRelease(f"The released notebook {notebook.name} cannot be used: {error}") from error
        notebooks[notebook.name] = _prepare_notebook(notebook.name, node, shown)
    try:
        files = {path: base64.b64decode(content) for path, content in release.files.items()}
    except (binascii.Error, ValueError) as error:
        raise BadRelease("A file of the release is not base64.") from error
    return PreparedRelease(release.hash, notebooks, frozenset(files), pack_files(files) if files else None)


def _prepare_notebook(name: str, node: NotebookNode, shown: NotebookNode) -> ReleasedNotebook:
    cells = tuple(
        ReleasedCell(
            node=cell,
            role=role_of(cell),
            grade_id=grade_id(cell),
            source=cell.source,
            shown=learners.source,
            names=frozenset(top_level_names(cell.source)) if cell.cell_type == "code" else frozenset(),
            driven=_driven(cell),
        )
        for cell, learners in zip(node.cells, shown.cells, strict=True)
    )
    lesson = _lesson(cells, node)
    tests = {test.grade_id: test for test in tests_of(node, name)}
    return ReleasedNotebook(name, node, cells, tests, lesson)


def _noted(node: NotebookNode, what: str) -> frozenset[str]:
    """Return names that only the author's solutions have, as `graded_source` has noted them."""
    told = studyhall_metadata(node).get(what)
    return (
        frozenset(name for name in told if isinstance(name, str)) if isinstance(told, list) else frozenset()
    )


def classes_in_prose(texts: Iterable[str]) -> set[str]:
    """Return the names in backticks, capitalised, of paragraphs that speak of a class.

    Other names in prose are left out: a lesson speaks of what a library has as well, and a learner's class of such a
    name is not what it means.
    """
    found: set[str] = set()
    for paragraph in (one for text in texts for one in _PARAGRAPH.split(text)):
        if _SPEAKS_OF_CLASS.search(paragraph):
            found |= set(_QUOTED_CLASS.findall(paragraph))
    return found - set(vars(builtins))


def _lesson(cells: tuple[ReleasedCell, ...], node: NotebookNode) -> Lesson:
    """Return what the released cells of a notebook define, with what the tests keep for themselves."""
    tests = [cell for cell in cells if cell.is_code and cell.role is CellRole.test]
    others = [cell for cell in cells if cell.is_code and cell.role is not CellRole.test]
    prose = [cell.shown for cell in cells if not cell.is_code]
    own = own_names(
        [(_if_not_too_deep(as_python(cell.source)), cell.shown) for cell in tests],
        [without_magics(cell.source) for cell in others if cell.role is CellRole.read_only],
        [cell.shown for cell in others if cell.role is not CellRole.read_only],
        prose,
    )
    # What an answer cell is to define itself is not the author's to keep.
    asked: set[str] = set().union(*(top_level_names(cell.shown) for cell in others if cell.is_learners))
    # Nor is a constant that the solution changes, such as a stock that its functions sell from.
    asked |= _noted(node, "solution_changes")
    helpers: dict[str, str] = {}
    bound: set[str] = set()
    for cell in others:
        if cell.role is CellRole.read_only:
            helpers |= helpers_in(cell.source)
            bound |= top_level_names(cell.source) - imported_names(cell.source)
    lesson = lesson_of([cell.shown for cell in others])
    spoken_of = classes_in_prose(prose)
    imported: set[str] = set().union(*(imported_names(cell.shown) for cell in tests))
    return replace(
        lesson,
        names=lesson.names | _noted(node, "solution_binds"),
        classes=lesson.classes
        | _noted(node, "solution_classes")
        | (spoken_of - lesson.imports - lesson.functions - imported),
        mirrored=own.mirrored,
        kept=own.kept,
        published=own.published,
        helpers=frozenset(text for name, text in helpers.items() if name not in asked),
        bound=frozenset(bound - asked - _noted(node, "solution_binds") - _compared_anew(cells)),
        spoken=frozenset(
            bound
            & spoken_names([cell.shown for cell in others if cell.role is not CellRole.read_only], prose)
        ),
    )


def _compared_anew(cells: tuple[ReleasedCell, ...]) -> set[str]:
    """Return the names of classes that cells of the lesson give another way to compare: it is not to be put back."""
    sources = [cell.source for cell in cells if cell.is_code]
    return {name for source in sources for found in _COMPARED_ANEW.findall(source) for name in found if name}


def helpers_in(source: str) -> dict[str, str]:
    """Return what a locked cell defines for tests to use; nothing where its text is nested too deeply to be read."""
    try:
        return helpers_of(source)
    except RecursionError:
        return {}


def _if_not_too_deep(source: str) -> str:
    """Return a test's text, empty where it is nested too deeply to be compiled: then it has no names either."""
    try:
        own_names([(source, "")], [], [], [])
    except RecursionError:
        return ""
    return source


def _driven(cell: NotebookNode) -> DrivenTest | None:
    is_test = role_of(cell) is CellRole.test and cell.cell_type == "code"
    return parse_driven(cell.source) if is_test else None


def lesson_of(sources: list[str]) -> Lesson:
    """Return the names that code cells define, imports and classes apart."""
    functions: set[str] = set()
    classes: set[str] = set()
    imports: set[str] = set()
    names: set[str] = set()
    for source in sources:
        names |= top_level_names(source)
        imports |= imported_names(source)
        for kind, name in _DEFINITION.findall(source):
            (classes if kind == "class" else functions).add(name)
    return Lesson(frozenset(functions), frozenset(classes), frozenset(imports), frozenset(names))


def told_of(source: str, lesson: Lesson) -> dict[str, Any]:
    """Return what the executor is told of a cell of the lesson: what it imports, defines and binds for tests to use."""
    bound = lesson.bound & top_level_names(source)
    return {
        "imports": sorted(imported_names(source)),
        "helpers": sorted(helpers_in(source)),
        "own": {
            "bound": sorted(bound),
            "spoken": sorted(bound & lesson.spoken),
            "changing": sorted(_changed_within(source)),
        },
    }


def unspoken(files: Iterable[str], cells: Iterable[ReleasedCell]) -> frozenset[str]:
    """Return the released files that nothing but tests names: no answer is to write to them."""
    shown = "\n".join(cell.shown for cell in cells if cell.role is not CellRole.test)
    return frozenset(name for name in files if name.rpartition("/")[2] not in shown)


def _changed_within(source: str) -> set[str]:
    """Return the variables that functions of a cell change from within: those declared nonlocal or global."""
    try:
        nodes = list(ast.walk(ast.parse(without_magics(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(_WORD.findall(source))
    return {name for one in nodes if isinstance(one, ast.Nonlocal | ast.Global) for name in one.names}


def imported_names(source: str) -> set[str]:
    """Return the names that a cell's own import statements bind."""
    try:
        tree = ast.parse(without_magics(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found |= _bound_by(statement)
    return found - {"*"}


def without_magics(source: str) -> str:
    """Return a cell's text with its magic and shell lines made empty, so that it may parse as Python."""
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


def top_level_names(source: str) -> set[str]:
    """Return the names a cell defines, imports or assigns at its top level; by pattern where it does not parse."""
    try:
        tree = ast.parse(without_magics(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {first or second for first, second in _DEFINED.findall(source)}
    names: set[str] = set()
    for statement in tree.body:
        names |= _bound_by(statement)
    return names


def names_read(source: str) -> set[str]:
    """Return the names that a cell reads and nowhere binds; none where it is not Python."""
    try:
        nodes = list(ast.walk(ast.parse(without_magics(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {name for node in nodes if isinstance(node, ast.stmt) for name in _defined_by(node)}
    return {node.id for node in names} - bound


def _defined_by(statement: ast.stmt) -> set[str]:
    is_definition = isinstance(
        statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    )
    return _bound_by(statement) if is_definition else set()


def definitions_for(shown: str, later: Iterable[str]) -> str:
    """Return what a driven test's visible text defines for the cells after it, as a cell; empty when that is nothing.

    Imports, constants and functions only, and of these what the later cells name: a driven cell itself never runs.
    """
    try:
        body = ast.parse(shown).body
        wanted = {word for source in later for word in _WORD.findall(source)}
        found: list[ast.stmt] = []
        grows = True
        while grows:
            new = [
                one for one in body if one not in found and _is_definition(one) and _bound_by(one) & wanted
            ]
            wanted |= {word for one in new for word in _WORD.findall(ast.unparse(one))}
            found += new
            grows = bool(new)
        return "\n".join(ast.unparse(one) for one in body if one in found)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _is_definition(statement: ast.stmt) -> bool:
    """Whether a statement only binds names: nothing of the learner's is called by running it."""
    match statement:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.FunctionDef(decorator_list=[], args=arguments, returns=returns):
            evaluated = [arguments, *([returns] if returns is not None else [])]
        case ast.Assign(value=value):
            evaluated = [value]
        case _:
            return False
    return not any(isinstance(node, _RUNS_CODE) for one in evaluated for node in ast.walk(one))


def _bound_by(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).split(".")[0] for alias in names}
        case _:
            return {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }


def pack_files(files: dict[str, bytes]) -> int:
    """Put files into a sealed memory file: 8 bytes length of an index, the index as JSON, the contents.

    Every sandbox gets the same descriptor and can only read it.
    """
    index: dict[str, Any] = {}
    offset = 0
    for path, content in files.items():
        index[path] = [offset, len(content)]
        offset += len(content)
    head = json.dumps(index).encode()
    descriptor = os.memfd_create("release", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(len(head).to_bytes(8, "big"))
        file.write(head)
        for content in files.values():
            file.write(content)
    fcntl.fcntl(descriptor, _ADD_SEALS, _SEALS)
    return descriptor


def declared_full_for_text(cell: ReleasedCell) -> bool:
    """Whether the author declared that any result of the test cell, also text, means full marks."""
    told = studyhall_metadata(cell.node).get("test")
    return isinstance(told, dict) and told.get("text_result") == "full_marks"


class Releases:
    """The releases in memory, least recently used first."""

    def __init__(self, kept: int = RELEASES_KEPT) -> None:
        self._kept = kept
        self._by_hash: OrderedDict[str, PreparedRelease] = OrderedDict()

    def get(self, release_hash: str) -> PreparedRelease | None:
        """Return the release and mark it as used, or None."""
        release = self._by_hash.get(release_hash)
        if release is not None:
            self._by_hash.move_to_end(release_hash)
        return release

    def put(self, release: Release) -> PreparedRelease:
        """Prepare and keep a release, dropping the one that was not used for the longest time.

        Raises:
            BadRelease: it cannot be used.
        """
        prepared = prepare(release)
        self._by_hash[release.hash] = prepared
        self._by_hash.move_to_end(release.hash)
        while len(self._by_hash) > self._kept:
            self._by_hash.popitem(last=False)[1].close()
        return prepared

    def close(self) -> None:
        """Forget all releases."""
        for release in self._by_hash.values():
            release.close()
        self._by_hash.clear()


def copy_node(node: NotebookNode) -> NotebookNode:
    """Return a copy of a cell that may be changed."""
    return copy.deepcopy(node)
