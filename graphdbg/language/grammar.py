"""What the language is made of: each kind of Python's syntax tree, and the rule that reads it.

Start here to find where something is read. A kind that is not in the table is refused, with the
advice in `refusals`. A rule takes the `Reader` and the tree; the reader is handed this table, so
that the rules can know the reader, and the reader need not know the rules.
"""

from __future__ import annotations

import ast

from . import calls, expressions, indexing, loops, statements
from .reading import Grammar
from .values import Signal

GRAMMAR = Grammar(
    expressions={
        ast.BinOp: expressions.binary,
        ast.UnaryOp: expressions.unary,
        ast.Compare: expressions.compare,
        ast.BoolOp: expressions.boolean,
        ast.IfExp: expressions.choice,
        ast.Name: expressions.variable,
        ast.Constant: expressions.constant,
        ast.Tuple: expressions.sequence,
        ast.List: expressions.sequence,
        ast.JoinedStr: expressions.formatted,
        ast.Attribute: expressions.attribute,
        ast.Call: calls.call,
        ast.Subscript: indexing.subscript,
        ast.ListComp: loops.comprehension,
        ast.GeneratorExp: loops.comprehension,
    },
    statements={
        ast.Expr: statements.expression,
        ast.Assign: statements.assign,
        ast.AnnAssign: statements.annotated,
        ast.AugAssign: statements.augmented,
        ast.FunctionDef: statements.define,
        ast.Return: statements.return_value,
        ast.If: statements.choose,
        ast.For: loops.unroll,
        ast.Assert: statements.require,
        ast.Pass: lambda r, tree: None,
        ast.Break: lambda r, tree: Signal("break"),
        ast.Continue: lambda r, tree: Signal("continue"),
    },
)
