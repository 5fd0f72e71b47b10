"""The rules of differentiation by their names, one row for each primitive and function.

A row says the rule in words, or shows it on a small program: what a gradient becomes is derived
from that program and checked like any other formula, so no row can claim what is not so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from ..formulas.formulary import jacobian
from ..language.parser import parse
from ..symbolic.facts import viewed
from ..tape import ops
from ..tape.builder import Builder
from ..tape.graph import Graph
from ..tape.operations import canonical
from ..tape.scalars import TABLE
from .expressions import Expression, derivative, of_formula, of_operation
from .pullbacks import Pullback
from .units import Unit


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its `name`, what it says in words, and a program or a function that shows it."""

    name: str
    said: str = ""
    program: str = ""
    function: str = ""


_MATRICES = "A: Real[n, k]\nB: Real[k, m]\n"
_SAME = "A: Real[n, m]\nB: Real[n, m]\n"
_VECTORS = "a: Real[n]\nb: Real[n]\n"
RULES: dict[str, Rule] = {
    # what is added and scaled
    "sum": Rule("sum", "each term receives the gradient unchanged", _SAME + "Y = A + B"),
    "difference": Rule("difference", "", _SAME + "Y = A - B"),
    "factor": Rule("constant factor", "a factor that does not depend on the variable stays"),
    "sign": Rule("change of sign", "", "A: Real[n, m]\nY = -A"),
    "product": Rule("product", "entry by entry", _SAME + "Y = A * B"),
    "quotient": Rule("quotient", "entry by entry", _SAME + "Y = A / B"),
    # matrices
    "matmul": Rule("matrix product", "", _MATRICES + "Y = A @ B"),
    "matvec": Rule("matrix times vector", "", "A: Real[n, k]\nb: Real[k]\ny = A @ b"),
    "inner": Rule("inner product", "", _VECTORS + "y = a @ b"),
    "outer": Rule("outer product", "", "a: Real[n]\nb: Real[m]\nY = outer(a, b)"),
    "total": Rule("sum of entries", "the gradient is repeated along the summed axes"),
    "transpose": Rule("transpose", "", "A: Real[n, m]\nY = A.T"),
    "trace": Rule("trace", "", "A: Real[n, n]\ny = trace(A)"),
    "diagonal": Rule("diagonal", "the gradient stands on the diagonal, 0 elsewhere"),
    "einsum": Rule("contraction", "the gradient takes the place of the operand in the sum"),
    "inverse": Rule("inverse", "", "A: Real[n, n]\nY = inv(A)"),
    "adjugate": Rule("product of det(A) and A⁻¹", "", "A: Real[n, n]\ny = det(A)*inv(A)"),
    "det": Rule("determinant", "", "A: Real[n, n]\ny = det(A)"),
    "logdet": Rule("logarithm of a determinant", "", "A: Real[n, n]\ny = logdet(A)"),
    # where entries come from
    "repeat": Rule("repetition", "the gradient is summed over the axes repeated along"),
    "reshape": Rule("reshaping", "the gradient's entries go back to the old shape"),
    "slice": Rule("selection", "the gradient goes to the entries that were selected, 0 elsewhere"),
    "pad": Rule("padding", "the gradient is read where the entries were written"),
    "concat": Rule("concatenation", "each part receives its own part of the gradient"),
    "gather": Rule("lookup", "the gradient is added up at the entries that were looked up"),
    "scatter": Rule("scattering", "the gradient is read at the places that were added to"),
    "stop": Rule("stopped gradient", "no gradient flows"),
    # over axes
    "max": Rule("maximum over axes", "the gradient goes to the largest entry"),
    "min": Rule("minimum over axes", "the gradient goes to the smallest entry"),
    "prod": Rule("product of entries", "each entry receives the product of the others"),
    "argmax": Rule("position of an extreme", "it moves in jumps: no gradient flows"),
    "pow": Rule("power with a variable exponent", function="a^b"),
    # leaves
    "leaf": Rule("constant", "it depends on nothing: no gradient flows"),
}  # fmt: skip
FUNCTIONS = {
    "pow": "power", "exp": "exponential", "expm1": "exponential less 1", "log": "logarithm",
    "log1p": "logarithm of 1 + a", "sqrt": "square root", "sin": "sine", "cos": "cosine",
    "tan": "tangent", "arcsin": "arcsine", "arccos": "arccosine", "arctan": "arctangent",
    "sinh": "hyperbolic sine", "cosh": "hyperbolic cosine", "tanh": "hyperbolic tangent",
    "erf": "error function", "sigmoid": "sigmoid", "softplus": "softplus",
    "logsigmoid": "logarithm of the sigmoid", "relu": "relu", "abs": "absolute value",
    "maximum": "larger of two", "minimum": "smaller of two", "where": "choice by a condition",
}  # fmt: skip
STEPS = {
    "sign": "sign", "floor": "rounding down", "gt": "comparison", "ge": "comparison",
    "lt": "comparison", "le": "comparison", "eq": "comparison", "ne": "comparison",
    "guard": "comparison",
}  # fmt: skip
_SAID = {
    "pow": "with a constant exponent",
    "where": "the gradient goes to the value that was chosen",
    "maximum": "the gradient goes to the larger operand",
    "minimum": "the gradient goes to the smaller operand",
}
_SPECS = {
    "ij,jk->ik": "matmul", "ji,jk->ik": "matmul", "ij,kj->ik": "matmul", "ij,j->i": "matvec",
    "i,ij->j": "matvec", "ji,j->i": "matvec", "i,i->": "inner", "i,j->ij": "outer",
    "ij->ji": "transpose", "ii->": "trace", "ii->i": "diagonal",
}  # fmt: skip
_PRIMITIVES: dict[type[ops.Op], str] = {
    ops.Input: "leaf", ops.Const: "leaf", ops.Array: "leaf", ops.Eye: "leaf", ops.Arange: "leaf",
    ops.Broadcast: "repeat", ops.Reshape: "reshape", ops.Slice: "slice", ops.Pad: "pad",
    ops.Concat: "concat", ops.Gather: "gather", ops.Scatter: "scatter", ops.Inverse: "inverse",
    ops.Det: "det", ops.Adjugate: "adjugate", ops.LogDet: "logdet", ops.StopGradient: "stop",
}  # fmt: skip


def rule_of(op: ops.Op, flows: tuple[bool, ...] = (True,)) -> Rule:
    """The rule of an operation; `flows` says which of its operands a gradient flows to.

    >>> rule_of(ops.Map("tanh")).name, rule_of(ops.Map("mul"), (True, False)).name
    ('hyperbolic tangent', 'constant factor')
    """
    if isinstance(op, ops.Map):
        return _of_function(op.function, flows)
    if isinstance(op, ops.Contract):
        return RULES[_of_contraction(op)]
    if isinstance(op, ops.Reduce):
        return RULES["argmax" if op.kind.startswith("arg") else op.kind]
    return RULES[_PRIMITIVES[type(op)]]


def rules_between(
    graph: Graph,
    unit: Unit,
    operand: int,
    active: Collection[int],
    moving: Collection[int],
) -> tuple[Rule, ...]:
    """The rules that lead from a unit's output to an operand, the last operation's first.

    `active` nodes carry a gradient, `moving` ones could: a factor is constant where it is neither.
    """
    if unit.call is not None:
        said = "its rule follows from its definition, which a greater depth opens"
        return (Rule(f"{unit.call.function}, taken whole", said),)
    found: dict[Rule, None] = {}
    for at in reversed(way(graph, unit, operand, active)):
        if not _only_views(graph, at):
            flows = tuple(arg in moving for arg in graph.args[at])
            found[rule_of(graph.ops[at], flows)] = None
    return tuple(found)


def way(graph: Graph, unit: Unit, operand: int, active: Collection[int]) -> list[int]:
    """The members of a unit through which a gradient flows to an operand, in tape order."""
    reached = {operand}
    for at in unit.members:
        if at in active and reached.intersection(graph.args[at]):
            reached.add(at)
    return sorted(reached - {operand})


def _only_views(graph: Graph, at: int) -> bool:
    """Whether an operation only adds or drops axes of size 1."""
    return type(graph.ops[at]) is ops.Reshape and viewed(graph, at) != at


def _of_function(name: str, flows: tuple[bool, ...]) -> Rule:
    if name in ("add", "sub"):
        return RULES["sum" if name == "add" else "difference"]
    if name == "neg":
        return RULES["sign"]
    if name in ("mul", "div"):
        constant = len(flows) == 2 and not all(flows) and (name == "mul" or flows[0])
        return RULES["factor" if constant else "product" if name == "mul" else "quotient"]
    if name in STEPS:
        said = "it is constant but for its jumps: no gradient flows"
        return Rule(STEPS[name], said)
    if name == "pow" and flows[1:] == (True,):
        return RULES["pow"]
    return Rule(FUNCTIONS[name], _SAID.get(name, ""), function=name)


def _of_contraction(op: ops.Contract) -> str:
    spec = canonical(op)
    if spec in _SPECS:
        return _SPECS[spec]
    letters = op.inputs[0]
    if len(op.inputs) > 1 or len(set(letters)) < len(letters):
        return "einsum"
    return "total" if len(op.output) < len(letters) else "transpose"


# ------------------------------------------------------------------ what a rule shows


@lru_cache(maxsize=None)
def shown(rule: Rule) -> tuple[tuple[Expression, Expression], ...]:
    """The equations that show a rule: the operation, then a derivative for each operand.

    >>> [f"{left} = {right}" for left, right in shown(RULES["matmul"])]
    ['Y = AB', '∂L/∂A = (∂L/∂Y)Bᵀ', '∂L/∂B = Aᵀ(∂L/∂Y)']
    """
    if rule.function in _STATED:
        return _STATED[rule.function]
    if rule.program:
        return _of_program(rule.program)
    if rule.function and rule.function not in _SAID:
        return _of_scalars(rule.function)
    return ()


def _of_program(program: str) -> tuple[tuple[Expression, Expression], ...]:
    graph = parse(program)
    output = graph.output_ids[0]
    members = tuple(at for at, args in enumerate(graph.args) if args)
    pullback = Pullback(
        graph, Unit(output, members, graph.input_ids), "L", graph.input_ids, lambda: ()
    )
    name = graph.names[output]
    own = of_operation(graph, output, graph.formulary.names) or of_formula(
        graph.formulary.formula(name)
    )
    found = [(_name(name), own)]
    for at in graph.input_ids:
        formula = pullback.formula(at)
        if formula is not None:
            found.append((derivative("L", graph.names[at]), of_formula(formula)))
    return tuple(found)


def _of_scalars(function: str) -> tuple[tuple[Expression, Expression], ...]:
    b = Builder()
    names = "abc"[: TABLE[function].arity]
    graph = b.build({"y": b.map(function, *(b.input(name) for name in names))})
    found = [(_name("y"), of_formula(graph.formulary.formula("y")))]
    for name in names:
        found.append((derivative("y", name), of_formula(jacobian(graph, of="y", wrt=name))))
    return tuple(found)


def _name(name: str) -> Expression:
    return Expression(name, name)


_STATED = {  # which no normal form can say
    "pow": (
        (_name("y"), Expression("a^p", "a^{p}")),
        (derivative("y", "a"), Expression("p a^(p − 1)", "p a^{p - 1}")),
    ),
    "a^b": (
        (_name("y"), Expression("a^b", "a^{b}")),
        (derivative("y", "a"), Expression("b a^(b − 1)", "b a^{b - 1}")),
        (derivative("y", "b"), Expression("y log(a)", r"y \log\left(a\right)")),
    ),
}
