"""Compiles test cells, outside of every sandbox, into code that looks at its operands through a guard.

For the guard itself see :mod:`studyhall_judge.sandbox.values`. What changes in a test:

* operands of comparisons, arithmetic and conditions, and arguments handed to builtins and imported functions, pass
  through ``guard.see``;
* builtins are taken from the guard, unless the exercise defines the name itself, so that a learner's ``all`` or ``abs``
  (or a patched ``builtins``) does not decide a test;
* names that the test binds for itself, imported modules and the author's helpers are read from the guard too
  (:mod:`studyhall_judge.sandbox.ownership`).

Line numbers stay, so that a failing assert still points at its line. Runs as a function of the judge for its own
interpreter, and as a process of an environment's interpreter for others, because code objects belong to a version.
"""

from __future__ import annotations

import ast
import base64
import builtins
import copy
import json
import marshal
import sys
import warnings
from dataclasses import dataclass
from types import CodeType
from typing import Any, cast

from studyhall_judge.sandbox.asserting import Asserting
from studyhall_judge.sandbox.emptiness import MATCHING
from studyhall_judge.sandbox.iteration import CALLERS, KEYWORDS
from studyhall_judge.sandbox.lookups import is_constant, is_named, look_up, makes_what_it_seeks
from studyhall_judge.sandbox.ownership import Owning, helper_statements, methods_of
from studyhall_judge.sandbox.placeholders import BUILTIN, GUARD, TEST_FILE
from studyhall_judge.sandbox.questions import (
    CALCULATE,
    HAND_OUT,
    IDENTITIES,
    INSPECTORS,
    LOOK_AT,
    MATCHERS,
    MEMBERSHIPS,
    QUERIES,
    REARRANGES,
    WRITE_DOWN,
    asked_between,
)

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_OWN_FRAME = frozenset({"super", "__import__", "__build_class__"})
"""Builtins that the compiler or the interpreter looks for by their own name."""

_BUILTINS = (
    frozenset(vars(builtins)) - _OWN_FRAME - {"__name__", "__doc__", "__debug__", "__spec__", "__loader__"}
)

_WORTH_A_LOOK = (
    ast.Name,
    ast.Call,
    ast.Attribute,
    ast.Subscript,
    ast.Await,
    ast.IfExp,
    ast.NamedExpr,
    ast.BoolOp,
    ast.JoinedStr,
)
_DISPLAYS = (
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Dict,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.BinOp,
    ast.UnaryOp,
)


@dataclass(frozen=True)
class CompiledTest:
    """A test ready to send.

    ``code`` is marshalled: the author's helpers, body, last expression (each or None), and methods of the author's
    classes by class and name. ``imports`` are the imported names that it uses; ``exempt`` the class names that it is
    about; ``patches`` the attribute names that it sets itself; ``helpers`` the author's definitions that it uses;
    ``mirrored``, ``kept`` and ``published`` its own; ``bound`` what else the lesson's cells have bound.
    """

    code: bytes
    imports: frozenset[str]
    exempt: frozenset[str]
    patches: frozenset[str]
    helpers: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    published: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()


NAMES = ("imports", "exempt", "patches", "helpers", "mirrored", "kept", "published", "bound")
"""The sets of names that go with a compiled test."""


@dataclass(frozen=True)
class Lesson:
    """What the released notebook's cells define, each a set of names.

    ``mirrored``, ``kept`` and ``published`` are the tests' own names; ``helpers`` definitions of locked cells, as text;
    ``bound`` all that locked cells bind and answers do not, of which learners are shown ``spoken`` elsewhere, too.
    """

    functions: frozenset[str]
    classes: frozenset[str]
    imports: frozenset[str]
    names: frozenset[str]
    mirrored: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    published: frozenset[str] = frozenset()
    helpers: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
    spoken: frozenset[str] = frozenset()


def compile_test(source: str, lesson: Lesson) -> CompiledTest:
    """Compile one test cell.

    Raises:
        SyntaxError: the cell is not Python (a magic has been left in it, or the author made a mistake).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source, TEST_FILE)
        facts = _Facts(tree, lesson)
        hides_value = _ends_in_semicolon(source, tree)
        helpers = helper_statements(facts.free, lesson.helpers)
        owning = facts.owning(frozenset(helpers))
        asserting = Asserting(tree, facts.imported)
        tree = asserting.visit(_Guarding(facts).visit(tree))
        tree = ast.fix_missing_locations(owning.visit(tree))
        body, last = tree.body, None
        if body and isinstance(body[-1], ast.Expr) and not hides_value:
            last = compile(ast.Expression(body[-1].value), TEST_FILE, "eval", _FLAGS, dont_inherit=True)
            body = body[:-1]
        module = ast.Module(body, [])
        code = compile(module, TEST_FILE, "exec", _FLAGS, dont_inherit=True) if body else None
        bound = lesson.bound & (facts.free | {name for one in helpers.values() for name in _names_of(one)})
        defined, methods, patches = _compile_helpers(list(helpers.values()), lesson)
    return CompiledTest(
        marshal.dumps((defined, code, last, methods)),
        facts.imports,
        facts.exempt,
        facts.patches | patches,
        frozenset(helpers),
        facts.mirrored,
        facts.kept,
        lesson.published & facts.bound,
        bound - frozenset(helpers),
    )


def _names_of(tree: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}


def _compile_helpers(
    statements: list[ast.stmt], lesson: Lesson
) -> tuple[CodeType | None, dict[str, dict[str, CodeType]], frozenset[str]]:
    """Compile an author's definitions as parts of a test: what they compare goes through the guard as well.

    Returns:
        The code of functions and constants, none for none of them; of classes the methods' code; and the attribute
        names that all of them set.
    """
    if not statements:
        return None, {}, frozenset()
    tree = ast.Module(statements, [])
    facts = _Facts(tree, lesson)
    names = frozenset(facts.bound)
    owning = Owning(names | facts.free & lesson.imports, frozenset(), frozenset())
    tree = ast.fix_missing_locations(owning.visit(_Guarding(facts).visit(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt):
            node.lineno = node.end_lineno = 0  # no line of the test
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    others = ast.Module([one for one in tree.body if one not in classes], [])
    code = compile(others, TEST_FILE, "exec", _FLAGS, dont_inherit=True) if others.body else None
    return code, {one.name: methods_of(one, _FLAGS) for one in classes}, facts.patches


def _ends_in_semicolon(source: str, tree: ast.Module) -> bool:
    """Whether the last expression asks for no output, as in IPython."""
    if not tree.body:
        return False
    last = tree.body[-1]
    lines = source.encode().split(b"\n")
    tail = [lines[(last.end_lineno or 1) - 1][last.end_col_offset or 0 :], *lines[last.end_lineno or 1 :]]
    kept = b"".join(line.partition(b"#")[0] for line in tail)
    return b";" in kept


_PATCHED_BY_DOCTEST = frozenset({"getlines"})
"""What `doctest` replaces in `linecache` while it runs examples."""


class _Facts:
    """What a test uses and defines."""

    def __init__(self, tree: ast.Module, lesson: Lesson) -> None:
        self.lesson = lesson
        self.bound: set[str] = set()
        self.imported: set[str] = set(lesson.imports)
        self._used: set[str] = set()
        self._patched: set[str] = set()
        self._attributes: set[str] = set()
        self.matchers: set[str] = set(MATCHERS)
        """Names of what tests import to compare with, their own names for it among them."""
        for node in ast.walk(tree):
            self._note_name(node)
            self._note_definition(node)
            self._note_patch(node)
        if "doctest" in self._used | self.bound | self._attributes:
            self._patched |= _PATCHED_BY_DOCTEST
        self.free = frozenset(self._used - self.bound)
        self.imports = self.free & lesson.imports
        self.mirrored = lesson.mirrored & self.bound
        self.kept = lesson.kept & self.bound
        self.patches = frozenset(self._patched)
        self.masks = any(name == "ma" or name.startswith("mask") for name in self._attributes | self._used)
        """Whether the test itself has to do with masked arrays."""
        about = {name for name in self.free if name[:1].isupper() and name not in lesson.functions}
        self.exempt = frozenset(lesson.classes | (about - _BUILTINS))

    def owning(self, helpers: frozenset[str]) -> Owning:
        """Return what has the test read its own names, imports and ``helpers`` from the guard."""
        read = self.imports | self.mirrored | self.kept | helpers
        return Owning(read, self.mirrored, self.kept)

    def _note_name(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                self._used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                self.bound.add(name)
            case ast.Attribute(attr=name):
                self._attributes.add(name)

    def _note_definition(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self.bound.add(name)
            case ast.Assign(targets=[ast.Name(id=mine)], value=ast.Attribute(attr=name)) if name in MATCHERS:
                self.matchers.add(mine)
                self.imported.add(mine)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                self.matchers |= {alias.asname for alias in names if alias.name in MATCHERS and alias.asname}
                new = {(alias.asname or alias.name).split(".")[0] for alias in names}
                self.imported |= new
                self.bound |= new

    def _note_patch(self, node: ast.AST) -> None:
        """A test may patch what it tests with, for instance ``input``: by attribute, or by a name in a text."""
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()):
                self._patched.add(name)
            case ast.Constant(value=str(text)) if len(text) < 200:
                self._patched.add(text.rpartition(".")[2])
            case ast.Call(func=ast.Attribute(attr="multiple"), keywords=keywords):
                self._patched |= {one.arg for one in keywords if one.arg}

    def is_builtin(self, name: str) -> bool:
        """Whether a name means the builtin here."""
        return name in _BUILTINS and name not in self.bound and name not in self.lesson.names


class _Guarding(ast.NodeTransformer):
    """Puts the guard where a test decides."""

    def __init__(self, facts: _Facts) -> None:
        self._facts = facts

    def _see(self, node: Any, question: str = "see") -> Any:
        if not isinstance(node, _WORTH_A_LOOK + _DISPLAYS) or is_constant(node):
            return node
        return _ask_guard(question, node)

    def _believe(self, node: Any, name: str) -> Any:
        """Have a value believed that the test itself has made, or fetched, to compare with."""
        root = node.func if isinstance(node, ast.Call) else node
        while isinstance(root, ast.Attribute):
            root = root.value
        mine = name in self._facts.matchers and isinstance(root, ast.Name) and root.id in self._facts.imported
        return _ask_guard("made", node) if mine else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            return node
        if self._facts.is_builtin(node.id):
            return ast.copy_location(ast.Attribute(ast.Constant(GUARD), BUILTIN + node.id, ast.Load()), node)
        believed: ast.AST = self._believe(node, node.id)
        return believed

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        believed: Any = self._believe(node, node.attr) if isinstance(node.ctx, ast.Load) else node
        learners = isinstance(node.ctx, ast.Load) and not self._is_imported(node.value)
        self.generic_visit(node)
        if learners and isinstance(node.value, _WORTH_A_LOOK):
            name = ast.copy_location(ast.Constant(node.attr), node)
            node.value = _ask_guard("receiver", node.value, name)
        return cast("ast.AST", believed)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        plain = isinstance(node.slice, _WORTH_A_LOOK) and isinstance(node.ctx, ast.Load)
        return _ask_guard("item", node.value, node.slice, at=node) if plain else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        defined = ast.Attribute(ast.Constant(GUARD), "defined", ast.Load())
        node.decorator_list.insert(0, ast.copy_location(defined, node))
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if makes_what_it_seeks(node, _WORTH_A_LOOK):
            look, *asked = look_up(node)
            look.body = self.visit_Compare(look.body)
            return ast.copy_location(ast.Call(look, [self.visit(one) for one in asked], []), node)
        self.generic_visit(node)
        compared = [node.left, *node.comparators]
        named = list(compared)
        for place, one in enumerate(compared):
            beside = [*node.ops[max(0, place - 1) : place], *node.ops[place : place + 1]]
            if all(isinstance(operator, ast.Is | ast.IsNot) for operator in beside):
                compared[place] = self._see(one, "itself")  # nobody can forge who they are
                continue
            looked_into = place > 0 and isinstance(node.ops[place - 1], ast.In | ast.NotIn)
            if looked_into and is_named(named[place - 1]) and isinstance(one, _WORTH_A_LOOK):
                compared[place] = _ask_guard("place", copy.deepcopy(named[place - 1]), one, at=one)
                continue
            compared[place] = self._see(one, "within" if looked_into else asked_between(beside))
        node.left, *node.comparators = compared
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        node.left, node.right = self._see(node.left, "operand"), self._see(node.right, "operand")
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        node.operand = self._see(node.operand, "truth" if isinstance(node.op, ast.Not) else "see")
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        node.values = [self._see(value, "truth") for value in node.values]
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        node.value = self._see(node.value)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        self.generic_visit(node)
        node.subject = self._see(node.subject, "ordered")
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        # Python wants a name there, and asks for the class itself.
        node.patterns = [self.visit(one) for one in node.patterns]
        node.kwd_patterns = [self.visit(one) for one in node.kwd_patterns]
        return node

    def visit_For(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._see(node.iter, "iterated")
        return cast("ast.AST", node)

    visit_AsyncFor = visit_For  # noqa: N815 - named by the base class

    def _visit_condition(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        node.test = self._see(node.test, "truth")
        return cast("ast.AST", node)

    visit_Assert = visit_If = visit_While = visit_IfExp = _visit_condition  # noqa: N815 - as above

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [self._see(one, "truth") for one in node.ifs]
        node.iter = self._see(node.iter, "iterated")
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        judges = self._judges(node.func)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        imported = self._is_imported(node.func)
        question = self._question(node, name, imported=imported)
        if (imported and name in INSPECTORS and question != "itself") or (
            not imported and name in WRITE_DOWN
        ):
            judges = False
        believed: ast.AST = self._believe(node, name)
        self.generic_visit(node)
        if judges:
            node.args = [self._see_argument(one, question) for one in node.args]
            for keyword in node.keywords:
                keyword.value = self._see(keyword.value, question)
            if imported and name in MATCHING:
                node.func = _ask_guard("matching", node.func)
            if name in CALLERS and (name != "iter" or len(node.args) == 2):
                _keep_going(node, CALLERS[name])
        elif believed is node and name in QUERIES and not imported and isinstance(node.func, ast.Attribute):
            asked = node.func.value
            if isinstance(asked, ast.Call) and _asks_guard("receiver", asked):
                asked = asked.args[0]
            node.args = [asked, ast.copy_location(ast.Constant(name), node), *node.args]
            node.func = ast.copy_location(ast.Attribute(ast.Constant(GUARD), "ask", ast.Load()), node)
        return believed

    def _question(self, node: ast.Call, name: str, *, imported: bool) -> str:
        """Return what the guard is asked of the arguments of a call."""
        asks_type = name == "type" and len(node.args) == 1
        if asks_type or name in IDENTITIES or name in (REARRANGES if imported else LOOK_AT):
            return "itself"
        if name in HAND_OUT and not imported:
            return "outside"
        if name in MEMBERSHIPS:
            return "within"
        if name.startswith("assert"):
            return "lend" if self._facts.masks else "compared"
        return "lend" if imported else "see" if name in CALCULATE else "handed"

    def _see_argument(self, node: ast.expr, question: str) -> ast.expr:
        if isinstance(node, ast.Starred):
            node.value = self._see(node.value, question)
            return node
        seen: ast.expr = self._see(node, question)
        return seen

    def _is_imported(self, node: ast.expr) -> bool:
        """Whether something is an imported name, or reached through one by attributes alone."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._facts.imported

    def _judges(self, called: ast.expr) -> bool:
        """Whether a called function is a builtin or imported: a learner's own function gets its values untouched."""
        if isinstance(called, ast.Attribute):
            if called.attr.startswith("assert"):
                return True
            while isinstance(called, ast.Attribute):
                called = called.value
        if not isinstance(called, ast.Name):
            return False
        return self._facts.is_builtin(called.id) or called.id in self._facts.imported


def _keep_going(call: ast.Call, place: int) -> None:
    """Have a function that is called for each element not end the whole."""
    if not any(isinstance(one, ast.Starred) for one in call.args[: place + 1]) and place < len(call.args):
        call.args[place] = _ask_guard("without_end", call.args[place])
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS:
            keyword.value = _ask_guard("without_end", keyword.value)


def _ask_guard(question: str, *nodes: Any, at: Any = None) -> Any:
    guard = ast.Attribute(ast.Constant(GUARD), question, ast.Load())
    return ast.copy_location(ast.Call(guard, list(nodes), []), at or nodes[0])


def _asks_guard(question: str, node: ast.Call) -> bool:
    asked = node.func
    return isinstance(asked, ast.Attribute) and asked.attr == question and _is_guard(asked.value)


def _is_guard(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == GUARD


def main() -> None:
    """Answer one line of JSON per line of JSON: for interpreters other than the judge's."""
    for line in sys.stdin:
        asked = json.loads(line)
        lesson = Lesson(**{name: frozenset(names) for name, names in asked["lesson"].items()})
        answer: dict[str, Any]
        try:
            test = compile_test(asked["source"], lesson)
        except (SyntaxError, ValueError, RecursionError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        else:
            names = {name: sorted(getattr(test, name)) for name in NAMES}
            answer = {"code": base64.b64encode(test.code).decode(), **names}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
