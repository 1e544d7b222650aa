"""Small changes to a module, each of which a test ought to notice.

One mutant is one changed expression or one statement that is left out. Beside what mutmut and cosmic-ray change, constants
of a module (limits, defaults) are moved by one in both directions, statements are left out, and conditions are forced to be
true and to be false: `x.clear()` without a test is a mutant here and in neither of those.

Not changed, because no test should depend on them: docstrings, annotations, decorators, assertions, the messages of `raise`,
and texts with a blank in them (sentences for people).
"""

from __future__ import annotations

import ast
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.LShift: ">>",
    ast.RShift: "<<",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "bisect_left": "bisect_right"}
_LEFT_OUT = (ast.AugAssign, ast.Delete, ast.Raise, ast.Continue, ast.Break)
_NAMES_A_TYPE = {"TypeVar", "NewType", "cast", "StringConstraints"}


class Mutant(NamedTuple):
    path: str
    """Path of the module from the root of the repository."""
    scope: str
    """Function or class that holds the change, dotted; empty for the module itself."""
    before: str
    """The lines that are changed, without indentation and breaks."""
    after: str
    """The same lines with the change."""
    change: str
    """What replaces the bytes from `start` to `end`."""
    line: int
    lines: range
    """Lines of the statement without the statements within it. A test that runs none of them cannot notice the change."""
    start: int
    end: int
    function: tuple[str, ...] | None
    """Names that lead to the outermost function that holds the change; None where it lies in none, or among its defaults."""

    def source(self, original: bytes) -> bytes:
        """The whole module with the change."""
        return original[: self.start] + self.change.encode() + original[self.end :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.scope or '(module)'}\n    - {self.before}\n    + {self.after}"


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """All mutants of a module, in the order of its lines; of changes that come to the same text, one."""
    found = _Finder(path, source)
    found.visit(ast.parse(source))
    once = {(each.start, each.end, each.change): each for each in found.mutants}
    return sorted(once.values(), key=lambda mutant: (mutant.start, mutant.end, mutant.change))


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, source: bytes) -> None:
        self.mutants: list[Mutant] = []
        self._path = path
        self._source = source
        self._scope: list[str] = []
        self._function: tuple[str, ...] | None = None
        self._lines = range(0)
        self._line_starts = [0]
        for line in source.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, ast.stmt | ast.match_case):
            super().visit(node)
            return
        outer = self._lines
        first = node.pattern if isinstance(node, ast.match_case) else node
        body: list[ast.stmt] = getattr(node, "body", [])
        last = max(first.lineno, body[0].lineno - 1) if body else first.end_lineno or first.lineno
        self._lines = range(first.lineno, last + 1)
        super().visit(node)
        self._lines = outer

    # -- what is not looked into ------------------------------------------------------------------------------------

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_Raise(self, node: ast.Raise) -> None:
        self._leave_out(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        pass

    # -- scopes -----------------------------------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node.name, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        outer = self._function
        # A setter has the name of its property's getter, so it is not found by name, and is changed before the import instead.
        is_setter = any(isinstance(each, ast.Attribute) and each.attr == "setter" for each in node.decorator_list)
        self._function = None if is_setter else outer or (*self._scope, node.name)
        self._within(node.name, node.body)
        self._function = outer

    def _within(self, name: str, body: list[ast.stmt]) -> None:
        self._scope.append(name)
        for statement in body:
            self.visit(statement)
        self._scope.pop()

    # -- what is changed --------------------------------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> None:
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            self._between(left, right, _COMPARISONS[type(operator)])
            left = right
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _OPERATORS:
            self._between(node.left, node.right, _OPERATORS[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Each operand is left out in turn."""
        joined = " and " if isinstance(node.op, ast.And) else " or "
        for left_out in node.values:
            rest = [self._text(each) for each in node.values if each is not left_out]
            self._change(node, f"({joined.join(f'({each})' for each in rest)})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self._change(node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._force(node.test)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._force(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._change(node.test, "False")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._change(condition, "True")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._leave_out(node)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call):
            self._leave_out(node)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self._scope and not all(isinstance(target, ast.Name) for target in node.targets):
            self._leave_out(node)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._leave_out(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._leave_out(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._leave_out(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            if node.func.id in _NAMES_A_TYPE:
                return
            if node.func.id in _CALLS:
                self._change(node.func, _CALLS[node.func.id])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._change(node, str(not value))
        elif isinstance(value, int):
            self._change(node, str(value + 1))
            if value > 1:
                self._change(node, str(value - 1))
        elif isinstance(value, str) and value and " " not in value:
            self._change(node, repr(f"{value}X"))
        elif isinstance(value, bytes) and value:
            self._change(node, repr(value + b"X"))

    # -- pieces -----------------------------------------------------------------------------------------------------

    def _force(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Constant):
            self._change(test, "True")
            self._change(test, "False")

    def _leave_out(self, node: ast.stmt) -> None:
        self._change(node, "pass")

    def _between(self, left: ast.expr, right: ast.expr, operator: str) -> None:
        """Change the operator between two operands, which may be in parentheses."""
        start, end = self._end(left), self._start(right)
        between = self._source[start:end].decode()
        closed, opened = between.count(")"), between.count("(")
        self._add(start, end, f"{')' * closed} {operator} {'(' * opened}", right.lineno)

    def _change(self, node: ast.expr | ast.stmt, change: str) -> None:
        self._add(self._start(node), self._end(node), change, node.lineno)

    def _add(self, start: int, end: int, change: str, line: int) -> None:
        first = self._source.rfind(b"\n", 0, start) + 1
        last = (self._source + b"\n").find(b"\n", end)
        before, head, tail = (self._source[a:b].decode() for a, b in ((first, last), (first, start), (end, last)))
        was, becomes = (" ".join(text.split()) for text in (before, f"{head}{change}{tail}"))
        scope = ".".join(self._scope)
        self.mutants.append(
            Mutant(self._path, scope, was, becomes, change, line, self._lines, start, end, self._function)
        )

    def _text(self, node: ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)].decode()

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._line_starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._line_starts[node.end_lineno - 1] + node.end_col_offset
