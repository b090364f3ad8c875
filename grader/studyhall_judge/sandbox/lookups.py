"""How compiled tests look for something in something else.

A guard that knows what is sought need not look at all elements of where it is sought: a number or text is found by its
hash. What is sought is there twice then, for the guard and for the comparison, and must not be made twice.
"""

from __future__ import annotations

import ast
from typing import Any


def look_up(node: ast.Compare) -> list[Any]:
    """Return a function of a test's own that looks for its first argument in its second, and the two arguments."""
    names = [ast.arg(".sought"), ast.arg(".within")]  # as nobody can call a variable
    sought, within = (ast.copy_location(ast.Name(one.arg, ast.Load()), node) for one in names)
    body = ast.copy_location(ast.Compare(sought, node.ops, [within]), node)
    takes = ast.arguments(posonlyargs=[], args=names, kwonlyargs=[], kw_defaults=[], defaults=[])
    return [ast.copy_location(ast.Lambda(takes, body), node), node.left, *node.comparators]


def is_named(node: ast.AST) -> bool:
    """Whether asking for a value again gives the same one, and calls nothing."""
    if isinstance(node, ast.Tuple):
        return all(is_named(one) for one in node.elts)
    return isinstance(node, ast.Name | ast.Constant)


def makes_what_it_seeks(node: ast.Compare, worth_a_look: tuple[type, ...]) -> bool:
    """Whether a comparison looks for something that asking for it again would make again."""
    if len(node.ops) != 1 or not isinstance(node.ops[0], ast.In | ast.NotIn):
        return False
    elsewhere = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
    if any(isinstance(one, elsewhere) for one in ast.walk(node)) or is_constant(node.left):
        return False
    return not is_named(node.left) and isinstance(node.comparators[0], worth_a_look)


def is_constant(node: ast.AST) -> bool:
    """Whether an expression is made of constants alone."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return all(is_constant(one) for one in node.elts)
    if isinstance(node, ast.Dict):
        return all(one is not None and is_constant(one) for one in (*node.keys, *node.values))
    if isinstance(node, ast.UnaryOp):
        return is_constant(node.operand)
    if isinstance(node, ast.BinOp):
        return is_constant(node.left) and is_constant(node.right)
    return isinstance(node, ast.Constant)
