"""Has compiled tests tell their guard of assertions that fail; see :mod:`studyhall_judge.sandbox.assertions`."""

from __future__ import annotations

import ast
from typing import TypeGuard

from studyhall_judge.sandbox.placeholders import BUILTIN, GUARD


class Asserting(ast.NodeTransformer):
    """Has a compiled test tell its guard of assertions that fail, and of errors that it catches itself.

    Made before the test is changed in other ways; ``imported`` are the names whose context managers are a library's.
    """

    def __init__(self, tree: ast.AST, imported: set[str]) -> None:
        self._within = {
            id(inner)
            for block in ast.walk(tree)
            if isinstance(block, ast.With | ast.AsyncWith)
            and not all(_root(item.context_expr) in imported | {"self"} for item in block.items)
            for inner in ast.walk(block)
            if isinstance(inner, ast.Assert)
        }
        self._turns: dict[int, list[str]] = {}
        """By assertion, the names that loops around it have set, and that it uses: which turn it was."""
        for loop in ast.walk(tree):
            if isinstance(loop, ast.For | ast.AsyncFor):
                self._note_turns(loop)

    def _note_turns(self, loop: ast.For | ast.AsyncFor) -> None:
        names = [one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)]
        for statement in loop.body:
            for inner in ast.walk(statement):
                if isinstance(inner, ast.Assert):
                    used = {one.id for one in ast.walk(inner.test) if isinstance(one, ast.Name)}
                    known = self._turns.setdefault(id(inner), [])
                    known += [one for one in names if one in used and one not in known]

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Tell the guard where the assertion does not hold, and what it was about; what does hold costs one call."""
        node.test = self._telling(node.test, node)
        return node

    def _telling(self, test: ast.expr, node: ast.Assert) -> ast.expr:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            test.values = [self._telling(one, node) for one in test.values]
            return test
        if _is_guards(test) and isinstance(test.args[0], ast.BoolOp | ast.Compare | ast.UnaryOp | ast.Call):
            inner = test.args[0]
            if not isinstance(inner, ast.Call) or _asks_about_arguments(inner) or _is_guards(inner):
                test.args[0] = self._telling(inner, node)
                return test
        place = (test.lineno, test.col_offset, test.end_lineno, test.end_col_offset)
        # What a test compares is worked out where it stands, and handed to a function that compares it: there are
        # names for it then, which end with the call, so that nothing is kept longer than it would be.
        handed: list[ast.expr] = []

        def hand(value: ast.expr) -> ast.expr:
            handed.append(value)
            return ast.Name(f"{_HANDED}{len(handed) - 1}", ast.Load())

        asked: ast.expr
        if isinstance(test, ast.Compare) and all(
            isinstance(one, ast.Constant) for one in test.comparators[1:]
        ):
            first = hand(test.left)
            asked = ast.Compare(first, test.ops, [hand(test.comparators[0]), *test.comparators[1:]])
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            asked = ast.UnaryOp(test.op, hand(test.operand))
        elif _asks_about_arguments(test):
            function = hand(test.func)
            asked = ast.Call(function, [hand(one) for one in test.args], test.keywords)
        else:
            asked = hand(test)
        values: list[ast.expr] = [ast.Name(f"{_HANDED}{number}", ast.Load()) for number in range(len(handed))]
        named = [(name, hand(ast.Name(name, ast.Load()))) for name in self._names_of(node)]
        within = ast.Constant(id(node) in self._within)
        pairs: list[ast.expr] = [ast.Tuple([ast.Constant(name), value], ast.Load()) for name, value in named]
        about: list[ast.expr] = [
            _numbers(place),
            ast.Tuple(values, ast.Load()),
            ast.Tuple(pairs, ast.Load()),
        ]
        failed = ast.Call(_guards("failed"), [within, *about], [])
        taken = [ast.arg(f"{_HANDED}{one}") for one in range(len(handed))]
        arguments = ast.arguments([], taken, None, [], [], None, [])
        look = ast.Lambda(arguments, ast.BoolOp(ast.Or(), [asked, failed]))
        return ast.copy_location(ast.Call(look, handed, []), test)

    def _names_of(self, node: ast.Assert) -> list[str]:
        """Return the names that loops around an assertion have set, and that it uses."""
        return self._turns.get(id(node), [])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """Tell the guard that what was raised has reached the test."""
        self.generic_visit(node)
        caught = ast.Expr(ast.Call(_guards("caught"), [], []))
        node.body.insert(0, ast.copy_location(caught, node.body[0]))
        return node


def _numbers(place: tuple[int | None, ...]) -> ast.expr:
    return ast.Tuple([ast.Constant(one) for one in place], ast.Load())


def _is_guards(test: ast.expr) -> TypeGuard[ast.Call]:
    """Whether an expression asks the guard for what an expression is worth."""
    if not isinstance(test, ast.Call) or not isinstance(test.func, ast.Attribute) or len(test.args) != 1:
        return False
    of = test.func.value
    return isinstance(of, ast.Constant) and of.value == GUARD and test.func.attr in _LOOKS


def _asks_about_arguments(test: ast.expr) -> TypeGuard[ast.Call]:
    """Whether a call says of its arguments whether they are what they should be."""
    if not isinstance(test, ast.Call) or not isinstance(test.func, ast.Attribute):
        return False
    plain = all(not isinstance(one, ast.Starred) for one in test.args)
    constant = all(one.arg and isinstance(one.value, ast.Constant) for one in test.keywords)
    return plain and constant and test.func.attr.removeprefix(BUILTIN) in _ABOUT_ARGUMENTS


_LOOKS = frozenset({"see", "truth", "sought", "handed"})
_HANDED = "_studyhall_"
_ABOUT_ARGUMENTS = frozenset({"isinstance", "issubclass", "isclose", "allclose", "array_equal"})


def _guards(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Constant(GUARD), name, ast.Load())


def _root(node: ast.expr) -> str:
    """Return the name that an expression begins with."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""
