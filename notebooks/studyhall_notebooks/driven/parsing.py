"""Reads a test cell without running it: is it driven, and what does it say?"""

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from studyhall_notebooks.driven.comparators import missing_names
from studyhall_notebooks.driven.statements import (
    Check,
    DrivenTest,
    Expectation,
    Step,
    Subject,
)
from studyhall_notebooks.driven.values import MAX_DEPTH, MAX_WRITTEN_UNITS, fits

MODULE: Final = "studyhall_notebooks.driven"
_BEGINNINGS: Final = ("call", "variable", "partial")
_LARGEST: Final = 100_000
"""Digits of a number and items of a text or list that a calculation in a test may make."""


class _NotDriven(Exception):
    """The cell says something that is no driven statement."""


def parse_driven(source: str) -> DrivenTest | None:
    """Return what a test cell says when it consists of driven statements only, else None. Never raises."""
    try:
        return _Reading(_tree(source)).test()
    except (_NotDriven, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def why_not_driven(source: str) -> str | None:
    """Return why a cell that uses `check` is not driven, in words; None when it is, or does not use it."""
    try:
        tree = _tree(source)
        if not _uses_check(tree):
            return None
        _Reading(tree).test()
    except _NotDriven as problem:
        return str(problem)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it is not plain Python" if MODULE in source else None
    return None


def _tree(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the author's text, and not for whoever reads it here
        return ast.parse(source)


def _uses_check(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == MODULE:
            return True
        if isinstance(node, ast.Import) and any(alias.name == MODULE for alias in node.names):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "check" and node.func.attr in _BEGINNINGS:
                return True
    return False


class _Reading:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._imported = False
        self._constants: dict[str, Any] = {}
        self._comparators: set[str] = set()
        self._staff: list[ast.stmt] = []
        self._checks: list[Check] = []
        self._partial: str | None = None
        self._points: float | None = None

    def test(self) -> DrivenTest:
        for statement in self._tree.body:
            if self._points is not None:
                raise _refused(statement, "something follows the line that gives the points")
            self._take(statement)
        if not self._checks:
            raise _NotDriven("it holds no check")
        if self._partial is not None and self._points is None:
            raise _NotDriven(f"its last line should be {self._partial}.points(…)")
        staff = self._comparators_code()
        return DrivenTest(tuple(self._checks), self._points, staff)

    def _comparators_code(self) -> str:
        """Return what the comparators are, with what they need of the cell; nothing when no check uses one."""
        used = {
            one.expectation.expected: one.line for one in self._checks if one.expectation.verb == "satisfies"
        }
        if not used:
            return ""
        missing = missing_names(self._staff, set(used))
        if missing:
            raise _NotDriven(
                f"line {min(used.values())}: what decides here needs {', '.join(missing)}: it runs by itself, "
                "without the notebook's other cells, so import or define this in the same cell"
            )
        return ast.unparse(ast.Module(self._staff, []))

    def _take(self, statement: ast.stmt) -> None:
        match statement:
            case ast.ImportFrom(module=module, names=names, level=0) if module == MODULE:
                if [(one.name, one.asname) for one in names] != [("check", None)]:
                    raise _refused(statement, f"write `from {MODULE} import check`")
                self._imported = True
            case ast.Import() | ast.ImportFrom(level=0):
                if any(
                    (one.asname or one.name) in ("check", "*") or MODULE in one.name
                    for one in statement.names
                ):
                    raise _refused(statement, f"write `from {MODULE} import check`")
                self._staff.append(statement)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(statement, name, value)
            case ast.FunctionDef(name=name, decorator_list=[]):
                self._define(statement, name)
            case ast.Expr(value=ast.Call(func=ast.Attribute()) as call):
                self._statement(call)
            case _:
                raise _refused(statement, "this is neither a check nor a value or function for one")

    def _assign(self, statement: ast.Assign, name: str, value: ast.expr) -> None:
        self._is_new(statement, name)
        if _is_method(value, "check", "partial") and isinstance(value, ast.Call):
            if (
                value.args
                or value.keywords
                or self._partial is not None
                or self._checks
                or not self._imported
            ):
                raise _refused(statement, "check.partial() stands once, without arguments, before all checks")
            self._partial = name
            return
        self._constants[name] = self._literal(value)
        self._staff.append(statement)

    def _define(self, statement: ast.FunctionDef, name: str) -> None:
        self._is_new(statement, name)
        for default in (*statement.args.defaults, *statement.args.kw_defaults):
            if default is not None:
                self._literal(default)
        self._comparators.add(name)
        self._staff.append(statement)

    def _is_new(self, statement: ast.stmt, name: str) -> None:
        if name in ("check", self._partial) or name in self._constants or name in self._comparators:
            raise _refused(statement, f"the name {name} is used twice")

    # One statement: check.call(…).then(…).equals(…)

    def _statement(self, call: ast.Call) -> None:
        if not self._imported:
            raise _refused(
                call, f"`from {MODULE} import check` should stand in the same cell, before the checks"
            )
        if self._partial is not None and _is_method(call, self._partial, "points"):
            self._points = self._number(self._only(call), least=0.0)
            return
        chain = [call]
        while isinstance(chain[-1].func, ast.Attribute) and isinstance(chain[-1].func.value, ast.Call):
            chain.append(chain[-1].func.value)
        beginning = chain.pop()
        owner = beginning.func.value if isinstance(beginning.func, ast.Attribute) else None
        if not chain or not isinstance(owner, ast.Name) or owner.id != (self._partial or "check"):
            raise _refused(call, "a check is written as check.call(…).equals(…)")
        subject = self._beginning(beginning)
        for modifier in reversed(chain[1:]):
            subject = self._modified(subject, modifier)
        self._checks.append(Check(subject, self._expectation(chain[0]), call.lineno))

    def _beginning(self, call: ast.Call) -> Subject:
        args, kwargs = self._arguments(call)
        name = args[0] if args else None
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise _refused(call, "the name of a function or variable comes first, as text")
        match _method(call):
            case "call":
                return Subject("call", name, tuple(args[1:]), kwargs)
            case "variable" if len(args) == 1 and not kwargs:
                return Subject("variable", name)
        raise _refused(call, "a check begins with call or variable")

    def _modified(self, subject: Subject, call: ast.Call) -> Subject:
        args, kwargs = self._arguments(call)
        match _method(call), args, kwargs:
            case "then", [str(name), *rest], _ if name.isidentifier():
                return replace(subject, steps=(*subject.steps, Step("method", name, tuple(rest), kwargs)))
            case "attribute", [str(name)], {} if name.isidentifier() and not kwargs:
                return replace(subject, steps=(*subject.steps, Step("attribute", name)))
            case "given_input", [str(text)], {} if not kwargs:
                return replace(subject, stdin=text)
            case "as_list" | "as_dict" as form, [], {} if not kwargs:
                return replace(subject, form="list" if form == "as_list" else "dict")
        raise _refused(call, f"{_method(call)} is not known here, or has other arguments than it takes")

    def _expectation(self, call: ast.Call) -> Expectation:
        verb = _method(call)
        options = {one.arg: one.value for one in call.keywords}
        allowed = {"approx": {"rel", "abs"}, "raises": {"saying"}, "prints": {"exact"}}.get(verb, set())
        if not set(options) <= allowed:
            raise _refused(call, f"{verb} has an argument that it does not take")
        only = self._only(call, keywords=True)
        given = {str(name): self._literal(value) for name, value in options.items()}
        match verb:
            case "equals":
                return Expectation("equals", self._literal(only))
            case "approx":
                wanted = Expectation("approx", self._literal(only))
                limits: dict[str, Any] = {name: self._number(options[name], least=0.0) for name in given}
                return replace(wanted, **limits)
            case "raises" if isinstance(given.get("saying", ""), str):
                return Expectation("raises", self._error_name(only), saying=given.get("saying", ""))
            case "prints" if isinstance(given.get("exact", False), bool):
                text = self._literal(only)
                if isinstance(text, str):
                    return Expectation("prints", text, exact=given.get("exact", False))
            case "satisfies" if isinstance(only, ast.Name) and only.id in self._comparators:
                return Expectation("satisfies", only.id)
        raise _refused(call, f"{verb} is no expectation, or its argument does not fit")

    def _error_name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return node.id
        name = self._literal(node)
        if not isinstance(name, str) or not name.isidentifier():
            raise _refused(node, "raises takes the name of an error")
        return name

    def _only(self, call: ast.Call, *, keywords: bool = False) -> ast.expr:
        if len(call.args) != 1 or isinstance(call.args[0], ast.Starred) or (call.keywords and not keywords):
            raise _refused(call, f"{_method(call)} takes one value")
        return call.args[0]

    def _number(self, node: ast.expr, *, least: float) -> float:
        number = self._literal(node)
        if isinstance(number, bool) or not isinstance(number, int | float) or not number >= least:
            raise _refused(node, f"a number of at least {least:g} should stand here")
        return float(number)

    def _arguments(self, call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        if any(isinstance(one, ast.Starred) for one in call.args) or any(
            one.arg is None for one in call.keywords
        ):
            raise _refused(call, "arguments with * cannot be read")
        named = {str(one.arg): self._literal(one.value) for one in call.keywords}
        values = [self._literal(one) for one in call.args]
        if not all(fits(one, units=MAX_WRITTEN_UNITS, depth=MAX_DEPTH) for one in (*values, *named.values())):
            raise _refused(call, f"an argument has more than {MAX_DEPTH} levels of lists and the like")
        if not fits([values, named], units=MAX_WRITTEN_UNITS):
            raise _refused(call, _TOO_LARGE)
        return values, named

    def _literal(self, node: ast.expr) -> Any:
        value = _Literal(self._constants).value(node)
        if not fits(value, units=MAX_WRITTEN_UNITS):
            raise _refused(node, _TOO_LARGE)
        return value


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _is_method(node: ast.expr, owner: str, name: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=found), attr=attribute)):
            return (found, attribute) == (owner, name)
    return False


def _refused(node: ast.AST, why: str) -> _NotDriven:
    return _NotDriven(f"line {getattr(node, 'lineno', 0)}: {why}")


_CALCULATIONS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_SIGNS: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_TOO_LARGE: Final = f"the values that stand here are larger than {MAX_WRITTEN_UNITS:,} items"
_ONLY_WRITTEN: Final = "only values that are written out can be sent"
_FLOATS: Final = ("nan", "inf", "-inf", "+inf")


class _Literal:
    """Reads a value that is written down: literals, calculations with numbers, earlier constants of the cell."""

    def __init__(self, constants: dict[str, Any]) -> None:
        self._constants = constants

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value) if value is not ...:
                return value
            case ast.Name(id=name) if name in self._constants:
                return self._constants[name]
            case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
                return self._hashed(node, lambda: self._collection(node))
            case ast.UnaryOp(op=sign, operand=operand):
                return self._signed(node, sign, self.value(operand))
            case ast.BinOp(left=left, op=sign, right=right):
                return self._calculated(node, sign, self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name not in self._constants:
                return self._made(node, name, args)
        raise _refused(node, _ONLY_WRITTEN)

    def _collection(self, node: ast.List | ast.Tuple | ast.Set | ast.Dict) -> Any:
        if isinstance(node, ast.Dict):
            return self._dictionary(node, node.keys, node.values)
        items = [self.value(item) for item in node.elts]
        return {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)](items)

    def _dictionary(
        self, node: ast.expr, keys: list[ast.expr | None], values: list[ast.expr]
    ) -> dict[Any, Any]:
        made = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                raise _refused(node, _ONLY_WRITTEN)
            made[self.value(key)] = self.value(value)
        return made

    def _hashed(self, node: ast.expr, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except TypeError:
            raise _refused(node, "a list or dictionary cannot be a key or stand in a set") from None

    def _signed(self, node: ast.expr, sign: ast.unaryop, value: Any) -> Any:
        if type(sign) not in _SIGNS or not isinstance(value, bool | int | float | complex):
            raise _refused(node, _ONLY_WRITTEN)
        return _SIGNS[type(sign)](value)

    def _calculated(self, node: ast.expr, sign: ast.operator, left: Any, right: Any) -> Any:
        calculate = _CALCULATIONS.get(type(sign))
        if calculate is None or not self._is_small(sign, left, right):
            raise _refused(node, "this calculation is too large, or not one of + - * / **")
        try:
            return calculate(left, right)
        except (ArithmeticError, TypeError, ValueError):
            raise _refused(node, "this calculation has no value") from None

    def _is_small(self, sign: ast.operator, left: Any, right: Any) -> bool:
        if isinstance(sign, ast.Pow) and isinstance(left, int) and isinstance(right, int):
            return abs(right) <= _LARGEST and left.bit_length() * max(right, 1) <= 4 * _LARGEST
        if isinstance(sign, ast.Mult):
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | bytes | list | tuple):
                    return isinstance(other, int) and len(one) * max(other, 1) <= _LARGEST
            sizes = [one.bit_length() for one in (left, right) if isinstance(one, int)]
            return sum(sizes) <= 8 * _LARGEST
        return True

    def _made(self, node: ast.expr, name: str, args: list[ast.expr]) -> Any:
        match name, args:
            case "set" | "frozenset", []:
                return set() if name == "set" else frozenset()
            case "frozenset", [ast.Set() | ast.List() | ast.Tuple() as items]:
                return self._hashed(node, lambda: frozenset(self.value(items)))
            case "float", [ast.Constant(value=str(text))] if text in _FLOATS:
                return float(text)
        raise _refused(node, _ONLY_WRITTEN)
