"""Which names the top level of a Python module binds: functions, classes, assignments and imports."""

from __future__ import annotations

import libcst as cst


def bound_names(module: cst.Module) -> frozenset[str]:
    """The names bound, inside `if`, `try` and other blocks too; `*` stands for those of a star import."""
    collector = _Collector()
    module.visit(collector)
    return frozenset(collector.names)


class _Collector(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802 - libcst dispatches on the name
        self.names.add(node.name.value)
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802
        self.names.add(node.name.value)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:  # noqa: N802
        return False

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:  # noqa: N802
        self._bind(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self._bind(node.target)

    def visit_ImportStar(self, node: cst.ImportStar) -> None:  # noqa: N802
        self.names.add("*")

    def visit_ImportAlias(self, node: cst.ImportAlias) -> None:  # noqa: N802
        if node.asname is not None:
            self._bind(node.asname.name)
        else:
            self.names.add(node.evaluated_name.partition(".")[0])

    def _bind(self, target: cst.BaseExpression) -> None:
        if isinstance(target, cst.Name):
            self.names.add(target.value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(element.value)
