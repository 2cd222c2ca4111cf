"""Which names the top level of a Python module binds: functions, classes, assignments and imports."""

from __future__ import annotations

import ast


def bound_names(module: ast.Module) -> frozenset[str]:
    """The names bound, inside `if`, `try` and other blocks too; `*` stands for those of a star import."""
    collector = _Collector()
    collector.visit(module)
    return frozenset(collector.names)


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.names.add(node.name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.names.add(node.name)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """What a lambda binds is its own."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # A mere annotation declares a name and binds nothing.
        if node.value is not None:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_alias(self, node: ast.alias) -> None:
        self.names.add(node.asname or node.name.partition(".")[0])
