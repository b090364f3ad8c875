"""Which names in a test are the author's, and how a test keeps them out of a learner's reach.

Threat: a test cell runs in the learner's namespace, so a function that it calls can do ``global expected`` and set what
it is about to be compared with, count up the test's ``score``, put something else under an imported name, or have
replaced a helper that a locked cell defined. A name that a test binds for itself is therefore kept beside the
namespace, in the guard, and read from there; so are imported modules and the author's helpers.

A name that the exercise is about stays shared: a function that is to raise ``counter`` must be able to. Those are
names that a cell other than a test mentions, or its prose.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, cast

from studyhall_judge.sandbox.placeholders import GUARD, OWN, TEST_FILE

_WORD = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"`+([^`]+)`+")
_LOOKED_UP = frozenset({"eval", "exec", "globals", "locals", "vars", "get_ipython", "query"})
"""With these a test may look a name up where only a namespace has it; tables look names up in what they are asked."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BLOCKS = ("body", "orelse", "finalbody")
_SIMPLE = (
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Import,
    ast.ImportFrom,
    ast.Expr,
    ast.Assert,
    ast.Return,
)


@dataclass(frozen=True)
class OwnNames:
    """Names that tests bind for themselves.

    ``mirrored`` stand in the namespace too, ``kept`` nowhere else; of these ``published`` go there after the test,
    since a learner knows them or another test reads them.
    """

    mirrored: frozenset[str]
    kept: frozenset[str]
    published: frozenset[str]


def own_names(
    tests: Iterable[tuple[str, str]], locked: Iterable[str], asked: Iterable[str], prose: Iterable[str]
) -> OwnNames:
    """Find the names that a notebook's tests bind for themselves.

    Args:
        tests: each test's text as it runs, and as the learner sees it.
        locked: texts of the lesson's own code cells.
        asked: texts of all other code cells, as the learner gets them.
        prose: texts of markdown cells.
    """
    cells = [_Cell(source, shown) for source, shown in tests]
    shared = _words(asked) | _spoken_of(list(prose))
    for text in locked:
        shared |= _global_names(text)
    for cell in cells:
        shared |= cell.declared_global
    bound: set[str] = set().union(*(cell.bound for cell in cells)) - shared
    kept = {
        name
        for name in bound
        if not _may_stand_for_a_module(name) and all(cell.can_keep(name) for cell in cells)
    }
    known: set[str] = set().union(*(cell.shown | cell.wants for cell in cells))
    return OwnNames(frozenset(bound - kept), frozenset(kept), frozenset(kept & known))


def spoken_names(asked: Iterable[str], prose: Iterable[str]) -> set[str]:
    """Return the words of code cells as the learner gets them, and those that prose quotes as code."""
    return _words(asked) | _spoken_of(list(prose))


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text)}


def _spoken_of(prose: list[str]) -> set[str]:
    quoted = _words(part for text in prose for part in _QUOTED.findall(text))
    return quoted | _words(prose) if "global" in _words(prose) else quoted


def _global_names(source: str) -> set[str]:
    """Return the names that a cell has or wants in the namespace; what is local to its functions is not among them."""
    try:
        table = symtable.symtable(source, "<locked>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _words([source])
    found: set[str] = set(table.get_identifiers())
    waiting = list(table.get_children())
    while waiting:
        inner = waiting.pop()
        found |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
        waiting += inner.get_children()
    return found


def _may_stand_for_a_module(name: str) -> bool:
    """Whether a test that sets the name may do so for the learner's code, which would otherwise use the real thing."""
    return hasattr(builtins, name) or name in sys.stdlib_module_names or name in sys.modules


class _Cell:
    """What one test binds and reads at its top level. ``wants`` are names that it reads and does not bind."""

    def __init__(self, source: str, shown: str) -> None:
        self.shown = set(_WORD.findall(shown))
        self.bound: set[str] = set()
        self.declared_global: set[str] = set()
        self._assigned: set[str] = set()
        self._bound_otherwise: set[str] = set()
        read: set[str] = set()
        asked: set[str] = set()
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # It does not run as it stands either; nothing is known of it.
            self.wants = set(_WORD.findall(source))
            return
        for node, function in _walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.add(node.id)
            elif isinstance(node, ast.Attribute):
                asked.add(node.attr)
            self._look(node, function=function)
        self.bound = self._assigned | self._bound_otherwise
        if (read | asked) & _LOOKED_UP:
            self._bound_otherwise |= self._assigned
        self.wants = read - self.bound
        # A function of the test may be called by a later one.
        self.wants |= {node.id for node, function in _walk(tree) if function and isinstance(node, ast.Name)}

    def can_keep(self, name: str) -> bool:
        """Whether this test can do with the name in the guard alone, while it runs."""
        return name not in self._bound_otherwise

    def _look(self, node: ast.AST, *, function: bool) -> None:
        match node:
            case ast.NamedExpr(target=ast.Name(id=name)) if function:
                self.declared_global.add(name)  # out of a comprehension, where no statement could note it
            case ast.Global(names=names):
                self.declared_global |= set(names)
            case ast.ExceptHandler(name=str(name)):
                self.declared_global.add(name)  # Python unbinds it again
            case ast.Name(id=name, ctx=ast.Store()) if not function:
                self._assigned.add(name)
            case _ if not function:
                self._bound_otherwise |= _bound_otherwise(node)


def _bound_otherwise(node: ast.AST) -> set[str]:
    """Names bound by anything but an assignment to them: those cannot be kept in the guard alone."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).split(".")[0] for alias in names} - {"*"}
        case ast.NamedExpr(target=ast.Name(id=name)):
            return {name}
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return {name}
        case ast.Delete(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
    return set()


def _walk(tree: ast.AST, *, function: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Yield each node with whether it is inside a function, class or comprehension, where names are local."""
    for child in ast.iter_child_nodes(tree):
        yield child, function
        inner = isinstance(child, (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef))
        yield from _walk(child, function=function or inner)


class _ClassNames(set[str]):
    """Names that the body of a class binds."""


class Owning(ast.NodeTransformer):
    """Has a test read its own names from the guard, and note there what it binds them to.

    Args:
        read: names to be read from the guard.
        mirrored: of these, what the test binds in the namespace as well.
        kept: of these, what the test binds in the guard alone.
    """

    def __init__(self, read: frozenset[str], mirrored: frozenset[str], kept: frozenset[str]) -> None:
        self._read = read
        self._mirrored = mirrored
        self._kept = kept
        self._scopes: list[set[str]] = []

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Read and write one name."""
        if any(node.id in scope for scope in self._scopes) or node.id not in self._read:
            return node
        if isinstance(node.ctx, ast.Load) or node.id in self._kept:
            return ast.copy_location(_own(node.id, node.ctx), node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """An annotated name that is kept in the guard is an attribute there, which Python calls no simple target."""
        self.generic_visit(node)
        node.simple = int(isinstance(node.target, ast.Name) and node.simple)
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        """A pattern's class has to be a name of its own."""
        node.patterns = [self.visit(one) for one in node.patterns]
        node.kwd_patterns = [self.visit(one) for one in node.kwd_patterns]
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Treat the statements of the test."""
        node.body = self._block(node.body)
        return node

    def _block(self, statements: list[Any]) -> list[Any]:
        """Return statements with the notes that belong before and after each."""
        block: list[Any] = []
        for statement in statements:
            if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                block += [self._recall(statement, name) for name in {statement.target.id} & self._mirrored]
            bound = self._bound_by(statement)
            block.append(self.visit(statement))
            if isinstance(statement, (*_SIMPLE, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                block += [_note(statement, name) for name in sorted(bound)]
            elif isinstance(statement, ast.Delete):
                block += [_forget(statement, name) for name in sorted(bound)]
        return block

    def _bound_by(self, statement: ast.AST) -> set[str]:
        found: set[str] = _bound_otherwise(statement)
        if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            for node, function in _walk(statement):
                if not function and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.add(node.id)
                elif not function:
                    found |= _bound_otherwise(node)
        return found & self._mirrored if not self._scopes else set()

    def _recall(self, place: ast.AST, name: str) -> ast.stmt:
        """Put the test's own value back under the name, before something is added to it."""
        assign = ast.Assign([ast.Name(name, ast.Store())], _own(name, ast.Load()))
        return ast.copy_location(assign, place)

    def _visit_compound(self, node: Any) -> ast.AST:
        if self._scopes:
            self.generic_visit(node)
            return _node(node)
        head = self._bound_by(_head(node)) | (_bound_otherwise(node) & self._mirrored)
        for name, value in ast.iter_fields(node):
            if name in _BLOCKS:
                setattr(node, name, self._block(value))
            else:
                setattr(node, name, self._visit_field(value))
        for part in ("body", "orelse"):
            if getattr(node, part, None):
                setattr(node, part, [_note(node, name) for name in sorted(head)] + getattr(node, part))
        return _node(node)

    def _visit_field(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.visit(one) if isinstance(one, ast.AST) else one for one in value]
        return self.visit(value) if isinstance(value, ast.AST) else value

    visit_For = visit_AsyncFor = visit_While = visit_If = _visit_compound  # noqa: N815 - named by the base class
    visit_With = visit_AsyncWith = visit_Try = visit_TryStar = _visit_compound  # noqa: N815 - as above
    visit_ExceptHandler = visit_Match = visit_match_case = _visit_compound  # noqa: N815 - as above

    def _visit_function(self, node: Any) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if name not in ("body", "args"):
                setattr(node, name, self._visit_field(value))
        arguments = getattr(node, "args", None)
        if isinstance(arguments, ast.arguments):
            arguments.defaults = [self.visit(one) for one in arguments.defaults]
            arguments.kw_defaults = [one and self.visit(one) for one in arguments.kw_defaults]
        around = self._scopes
        # What a class's body binds is not to be seen in its methods.
        self._scopes = [one for one in around if not isinstance(one, _ClassNames)]
        self._scopes.append((_ClassNames if isinstance(node, ast.ClassDef) else set)(_locals_of(node)))
        body = node.body
        node.body = [self.visit(one) for one in body] if isinstance(body, list) else self.visit(body)
        self._scopes = around
        return _node(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = _visit_function  # noqa: N815 - as above

    def _visit_comprehension(self, node: Any) -> ast.AST:
        targets = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        # The first iterable belongs to the scope around.
        node.generators[0].iter = self.visit(node.generators[0].iter)
        first, node.generators[0].iter = node.generators[0].iter, ast.Constant(None)
        self._scopes.append(targets)
        self.generic_visit(node)
        self._scopes.pop()
        node.generators[0].iter = first
        return _node(node)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension  # noqa: N815 - as above


def _node(node: Any) -> ast.AST:
    """Return the node under the type that a visitor's method owes."""
    visited: ast.AST = node
    return visited


def _head(statement: ast.stmt) -> ast.Module:
    """Return what a compound statement holds beside its blocks."""
    parts: list[Any] = []
    for name, value in ast.iter_fields(statement):
        if name not in (*_BLOCKS, "handlers", "cases"):
            parts += value if isinstance(value, list) else [value]
    return ast.Module([cast("ast.stmt", part) for part in parts if isinstance(part, ast.AST)], [])


def _locals_of(function: Any) -> set[str]:
    """Names that are local to a function, lambda or class."""
    found: set[str] = set()
    free: set[str] = set()
    arguments = getattr(function, "args", None)
    if isinstance(arguments, ast.arguments):
        found |= {one.arg for one in ast.walk(arguments) if isinstance(one, ast.arg)}
    if isinstance(function, ast.Lambda):
        return found
    for node, inner in _walk(ast.Module(list(function.body), [])):
        if inner:
            continue
        found |= _bound_otherwise(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            free |= set(node.names)
    return found - free


def _own(name: str, context: ast.expr_context) -> ast.Attribute:
    return ast.Attribute(ast.Constant(GUARD), OWN + name, context)


def _note(place: ast.AST, name: str) -> ast.stmt:
    """Note in the guard what a name was just bound to."""
    assign = ast.Assign([_own(name, ast.Store())], ast.Name(name, ast.Load()))
    return ast.copy_location(assign, place)


def _forget(place: ast.AST, name: str) -> ast.stmt:
    """Have the guard forget a name that the test has deleted."""
    return ast.copy_location(ast.Delete([_own(name, ast.Del())]), place)


def helpers_of(source: str) -> dict[str, str]:
    """Return what a locked cell defines for tests to use: functions, classes that assert, constants in capitals.

    Only what stands for itself: what has decorators, or sets a global name, is left in the namespace.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, str] = {}
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name, decorator_list=[]):
                if not any(isinstance(node, ast.Global) for node in ast.walk(statement)):
                    found[name] = ast.unparse(statement)
            case ast.ClassDef(name=name, decorator_list=[]) if any(map(_asserts, ast.walk(statement))):
                found[name] = ast.unparse(statement)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
                found[name] = ast.unparse(statement)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper() and _is_literal(
                value
            ):
                found[name] = ast.unparse(statement)
    more = _made_more_of(tree)
    return {name: text for name, text in found.items() if name not in more}


def _made_more_of(tree: ast.Module) -> set[str]:
    """Return names that are bound again, or functions that are given attributes, after they were defined."""
    bound = [name for one in tree.body for name in _bound_at_once(one)]
    given = {
        one.value.id
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute)
        and isinstance(one.ctx, ast.Store)
        and isinstance(one.value, ast.Name)
    }
    classes = {one.name for one in tree.body if isinstance(one, ast.ClassDef)}  # which are no copies
    return (given - classes) | {name for name in bound if bound.count(name) > 1}


def _bound_at_once(statement: ast.stmt) -> set[str]:
    names = {
        one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }
    inner = isinstance(statement, (*_FUNCTIONS, ast.ClassDef))
    return _bound_otherwise(statement) | (set() if inner else names)


def _asserts(node: ast.AST) -> bool:
    is_assertion = isinstance(node, ast.Attribute) and node.attr.startswith("assert")
    return is_assertion or isinstance(node, ast.Assert)


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def helper_statements(used: Iterable[str], helpers: Iterable[str]) -> dict[str, ast.stmt]:
    """Return the definitions that names need, those that they use themselves first.

    Args:
        used: names that a test reads and does not bind.
        helpers: texts of definitions, as `helpers_of` returns them.
    """
    known: dict[str, ast.stmt] = {}
    for text in helpers:
        (statement,) = ast.parse(text).body
        name = _name_of(statement)
        known[name] = statement
    found: dict[str, ast.stmt] = {}

    def add(name: str) -> None:
        if name in known and name not in found:
            found[name] = known[name]
            for node in ast.walk(known[name]):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    add(node.id)

    for name in sorted(used):
        add(name)
    # A constant may be a function's default, and a function is only looked up when it is called.
    return dict(sorted(found.items(), key=lambda item: isinstance(item[1], ast.FunctionDef)))


def _name_of(statement: ast.stmt) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    raise ValueError("not a definition")


def methods_of(definition: ast.ClassDef, flags: int) -> dict[str, CodeType]:
    """Compile a class and return the code of its methods by name, but of those that have one name together."""
    code = compile(ast.Module([definition], []), TEST_FILE, "exec", flags, dont_inherit=True)
    (body,) = (one for one in code.co_consts if type(one) is CodeType and one.co_name == definition.name)
    codes = [one for one in body.co_consts if type(one) is CodeType]
    names = [one.co_name for one in codes]
    return {one.co_name: one for one in codes if names.count(one.co_name) == 1}
