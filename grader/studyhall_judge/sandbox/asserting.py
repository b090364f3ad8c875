"""Has compiled tests tell their guard of assertions that fail; see :mod:`studyhall_judge.sandbox.assertions`."""

from __future__ import annotations

import ast

from studyhall_judge.sandbox.placeholders import GUARD


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

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Tell the guard where the assertion does not hold; what does hold costs nothing."""
        failed = ast.Call(_guards("failed"), [ast.Constant(id(node) in self._within)], [])
        node.test = ast.copy_location(ast.BoolOp(ast.Or(), [node.test, failed]), node.test)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """Tell the guard that what was raised has reached the test."""
        self.generic_visit(node)
        caught = ast.Expr(ast.Call(_guards("caught"), [], []))
        node.body.insert(0, ast.copy_location(caught, node.body[0]))
        return node


def _guards(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Constant(GUARD), name, ast.Load())


def _root(node: ast.expr) -> str:
    """Return the name that an expression begins with."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""
