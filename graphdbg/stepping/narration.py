"""A frame in words: the lines that a stop prints, and `explain`, with the numbers of this point.

Gradients are named as in the lecture: `∂f/∂q` upstream, `∂q/∂x` local, `∂f/∂q · ∂q/∂x` what x
receives. Formulas come from the scope, which has compared each with the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..checking.findings import kinks_at, nonfinite_nodes
from ..checking.verdicts import Kink, NonFinite
from ..formulas.explanations import LARGEST_GRAPH
from ..rendering.numbers import brief
from ..tape.graph import NONE
from ..tape.ops import LEAVES
from .frames import Frame, Operand, gradient_at
from .paths import Ledger, Path
from .places import location as location
from .places import program as program
from .places import source_line as source_line
from .places import stack_lines as stack_lines
from .places import surroundings as surroundings
from .scope import Scope
from .walk import BACKWARD, Kind, Walk

LONGEST = 120  # characters of a formula in a line
LITERALS = LEAVES[1:]  # 0 = 0 tells nothing
MOST_RESULTS = 4  # of a call that are listed
MOST_FACTORS = 30  # of a path whose local derivatives are put in
MOST_WAY = 8  # named nodes of a long path that are listed
MOST_INPUTS = 12  # that are listed at the start
DELTA = 0.01  # of the small change that makes a rate felt


def lines(scope: Scope, frame: Frame) -> Iterator[str]:
    """What is known of the node at hand, one fact a line."""
    name = frame.node
    if frame.kind == Kind.START:
        for each in scope.graph.inputs[:MOST_INPUTS]:
            yield f"{each} = {brief(scope.point[each])}"
        if len(scope.graph.inputs) > MOST_INPUTS:
            yield f"... {len(scope.graph.inputs) - MOST_INPUTS} more: info inputs lists them"
        return
    if frame.call is not None:
        yield from _call_lines(scope, frame)
    elif frame.direction != BACKWARD:
        yield f"{name} = {frame.operation} = {brief(frame.value)}"
    else:
        yield upstream_line(scope, frame, frame.id)
        if frame.kind not in (Kind.SEED, Kind.GRADIENT):
            told = [_operand_line(scope, frame, operand) for operand in frame.operands]
            each_once = told if frame.kind == Kind.MULTIPLY else dict.fromkeys(told)
            yield from (f"  {line}" for line in each_once)


def upstream_line(scope: Scope, frame: Frame, node: int) -> str:
    """`∂f/∂q = z = -4`: name, formula, number."""
    backward = frame.walk.backward
    known = backward is not None and node in backward.upstream
    formula = scope.texts.closed(backward.upstream[node]) if known else None  # type: ignore[union-attr]
    value = gradient_at(frame.walk, frame.trace, node, frame.position)
    return equation(f"∂{frame.of}/∂{frame.graph.names[node]}", clipped(formula), brief(value))


def _call_lines(scope: Scope, frame: Frame) -> Iterator[str]:
    """A call that is entered or left: its results, and after it what its arguments received."""
    names = frame.graph.names
    shown = frame.results[:MOST_RESULTS]
    left = f"{', '.join(names[at] for at in shown)}{', …' if shown != frame.results else ''}"
    if frame.direction != BACKWARD:
        value = brief(frame.value) if frame.id != NONE and frame.kind == Kind.RETURN else None
        yield equation(left, frame.operation, value)
        if frame.kind == Kind.RETURN and frame.id == NONE:
            yield from (f"{names[at]} = {brief(scope.trace.arrays[at])}" for at in shown)
        return
    yield equation(left, frame.operation)
    for at in shown:
        if at in frame.walk.backward.upstream:  # type: ignore[union-attr]
            yield upstream_line(scope, frame, at)
    if frame.kind == Kind.RETURN:
        yield from (f"  {received(frame, each)}" for each in frame.operands)


def ending(walk: Walk) -> str:
    """What to say at the last position."""
    if walk.backward is None:
        return "the end: the forward pass is done, and there is no scalar to differentiate"
    return "the end: both passes are done"


def _operand_line(scope: Scope, frame: Frame, operand: Operand) -> str:
    if frame.kind == Kind.LOCAL:
        return local_rate(scope, frame, operand)
    if frame.kind == Kind.MULTIPLY:
        return chain_rule(scope, frame, operand)
    return received(frame, operand)


def local_rate(scope: Scope, frame: Frame, operand: Operand) -> str:
    """`∂q/∂x = 1`: the local derivative as formula and number, a Jacobian as formula alone."""
    if operand.local is not None:
        return equation(operand.local_name, local_text(scope, operand), brief(operand.local))
    text = jacobian_text(scope, frame.id, operand.name) or "a linear map, without a short formula"
    return equation(operand.local_name, text)


def jacobian_text(scope: Scope, node: int, operand: str) -> str | None:
    """The Jacobian of a node, or of a whole call, by an operand; None where it is not short."""
    if len(scope.graph) > LARGEST_GRAPH and node in scope.walk.call_results:
        return None  # a call's Jacobian goes through the whole graph, an operation's does not
    found = scope.jacobians(node).get(operand)
    text = found.text() if found is not None else None
    return text if text is not None and len(text) <= LONGEST else None


def chain_rule(scope: Scope, frame: Frame, operand: Operand) -> str:
    """∂f/∂q · ∂q/∂x = z · 1 = -4 · 1 = -4: names, then formulas, then numbers."""
    return " = ".join(_distinct(chain_parts(scope, frame, operand)))


def chain_parts(scope: Scope, frame: Frame, operand: Operand) -> Iterator[str]:
    """The steps of the chain rule: by name, with formulas put in, with numbers, the result."""
    yield f"∂{frame.of}/∂{frame.node} · {operand.local_name}"
    upstream = scope.texts.closed(scope.backward.upstream[frame.id])  # type: ignore[union-attr]
    local = local_text(scope, operand)
    if operand.local is None and len(operand.parts) == 1:
        yield clipped(scope.texts.closed(operand.parts[0].node)) or ""
    if upstream is not None and local is not None:
        sign = "⊙" if frame.upstream is not None and frame.upstream.shape else "·"
        yield clipped(f"{_factor(upstream)} {sign} {_factor(local)}") or ""
    up = frame.upstream
    if up is not None and operand.local is not None and not up.shape and not operand.local.shape:
        yield f"{_factor(brief(up))} · {_factor(brief(operand.local))}"
    yield brief(operand.contribution)


def local_text(scope: Scope, operand: Operand) -> str | None:
    """The local derivative as a short checked formula, None where there is none."""
    if len(operand.parts) != 1 or operand.parts[0].local == NONE:
        return None
    part = operand.parts[0]
    return clipped(scope.local_text(part.consumer, part.slot))


def received(frame: Frame, operand: Operand) -> str:
    """`∂f/∂x so far 3: 1 of 2 contributions`, or that it is complete."""
    total = f"∂{frame.of}/∂{operand.name}"
    count = f"{operand.arrived} of {operand.awaited} contributions"
    if operand.arrived < operand.awaited:
        return f"{total} so far = {brief(operand.so_far)}   {count}"
    note = f"   {count}: complete" if operand.awaited > 1 else ""
    return f"{total} = {brief(operand.so_far)}{note}"


def equation(*parts: str | None) -> str:
    """`a = b = c`; what is missing or repeats its neighbour is left out."""
    return " = ".join(_distinct(parts))


def _listed(parts: Iterable[str]) -> str:
    return ", ".join([*parts][:MOST_RESULTS]) or "its results"


def _distinct(parts: Iterable[str | None]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part and (not kept or kept[-1].replace("−", "-") != part.replace("−", "-")):
            kept.append(part)
    return kept


def clipped(text: str | None) -> str | None:
    """A formula, cut where it is no longer short."""
    return text if text is None or len(text) <= LONGEST else text[: LONGEST - 2] + " …"


def _factor(text: str) -> str:
    """A factor of a product: a sum or a negative number gets brackets."""
    loose = any(sign in text for sign in (" + ", " − ", " - ", " / "))
    return f"({text})" if loose or text[:1] in "-−" else text


# ------------------------------------------------------------------ explain


def explain(scope: Scope, frame: Frame) -> str:
    """What the last step did and why, in a sentence or two, with the numbers."""
    told = _TOLD[frame.kind](scope, frame)
    return " ".join([told, *peculiar(scope, frame)])


def _start(scope: Scope, frame: Frame) -> str:
    what = f"then ∂{frame.of}/∂… flows back to the inputs" if frame.of else "there is no scalar"
    return (
        f"Nothing is computed yet: {len(scope.graph.inputs)} inputs are given. The forward pass "
        f"takes {frame.walk.turn - 1} steps to '{scope.graph.outputs[0]}'; {what}."
    )


def _visit(scope: Scope, frame: Frame) -> str:
    operands = list(dict.fromkeys(scope.graph.args[frame.id]))
    given = [
        f"{scope.graph.names[at]} = {brief(np.asarray(scope.trace.arrays[at]), 30)}"
        for at in operands
        if not isinstance(scope.graph.ops[at], LITERALS)
    ][:3]
    computed = frame.walk.value_at
    users = {scope.graph.names[at] for at in scope.graph.users[frame.id] if at in computed}
    later = f" It is used by {', '.join(sorted(users)[:3])}." if users else " It is a result."
    where = f"with {', '.join(given)} that is" if given else "that is"
    return f"{frame.node} = {frame.operation}: {where} {brief(frame.value)}.{later}"


def _call(scope: Scope, frame: Frame) -> str:
    where = "to compute" if frame.direction != BACKWARD else "backwards, from the gradient of"
    results = _listed(frame.graph.names[at] for at in frame.results)
    return (
        f"Into the call {frame.operation}, {where} {results}; finish comes out again, and next "
        f"would have taken it whole.{_whole_jacobian(scope, frame)}"
    )


def _whole_jacobian(scope: Scope, frame: Frame) -> str:
    """The Jacobian of a call as a whole, in the backward pass, where it has a short formula."""
    if frame.direction != BACKWARD or frame.id == NONE:
        return ""
    found = [
        (f"∂{frame.node}/∂{each.name}", jacobian_text(scope, frame.id, each.name))
        for each in frame.operands
    ]
    told = "; ".join(f"{name} = {text}" for name, text in found if text)
    return f" As a whole {told}." if told else ""


def _return(scope: Scope, frame: Frame) -> str:
    if frame.direction != BACKWARD:
        arrays = scope.trace.arrays
        values = _listed(f"{frame.graph.names[at]} = {brief(arrays[at])}" for at in frame.results)
        return f"The call {frame.operation} is done: {values}."
    gradients = _listed(f"∂{frame.of}/∂{frame.graph.names[at]}" for at in frame.results)
    parts = _all_received(frame)
    return (
        f"The call {frame.operation} as a whole has multiplied {gradients} by its "
        f"Jacobian{': ' + parts if parts else ''}.{_whole_jacobian(scope, frame)}"
    )


def _seed(scope: Scope, frame: Frame) -> str:
    return (
        f"The backward pass begins with ∂{frame.of}/∂{frame.of} = 1: raising {frame.of} by a "
        "little raises it by just that. From here gradients flow to the inputs."
    )


def _local(scope: Scope, frame: Frame) -> str:
    rates = [local_rate(scope, frame, each) for each in frame.operands]
    return (
        f"How {frame.node} = {frame.operation} answers a small change of each operand, whatever "
        f"{frame.of} is: {'; '.join(rates)}."
    )


def _multiply(scope: Scope, frame: Frame) -> str:
    made = "; ".join(
        f"{each.name} receives {chain_rule(scope, frame, each)}" for each in frame.operands
    )
    upstream = f"∂{frame.of}/∂{frame.node} = {brief(frame.upstream)}"
    felt = f"{frame.of} by {upstream} times as much"
    if frame.upstream is not None and frame.upstream.shape:
        felt = f"{frame.of} by its product with {upstream}, summed over the entries"
    return (
        f"A small change of {frame.node} changes {felt}; so each operand receives upstream × "
        f"local: {made}."
    )


def _accumulate(scope: Scope, frame: Frame) -> str:
    return f"Contributions add up: {_all_received(frame)}."


def _all_received(frame: Frame) -> str:
    """What each operand has received, in a sentence."""
    told = dict.fromkeys(received(frame, each) for each in frame.operands)
    return "; ".join(each.replace("   ", " (") + ")" * ("   " in each) for each in told)


def _gradient(scope: Scope, frame: Frame) -> str:
    total, value = f"∂{frame.of}/∂{frame.node}", frame.upstream
    if not frame.walk.awaited(frame.id) and frame.id != scope.graph.id(frame.of):
        return f"{total} = 0: {frame.of} does not depend on {frame.node}."
    told = f"All contributions are in: {total} = {brief(value)}."
    if value is None or value.shape:
        return told
    if not np.isfinite(value):
        return told
    change = brief(np.asarray(float(value) * DELTA))
    return f"{told} Raising {frame.node} by {DELTA} changes {frame.of} by about {change}."


_TOLD = {
    Kind.START: _start,
    Kind.VISIT: _visit,
    Kind.CALL: _call,
    Kind.RETURN: _return,
    Kind.SEED: _seed,
    Kind.LOCAL: _local,
    Kind.MULTIPLY: _multiply,
    Kind.ACCUMULATE: _accumulate,
    Kind.GRADIENT: _gradient,
}


def peculiar(scope: Scope, frame: Frame) -> Iterator[str]:
    """Kinks and numbers that are not finite, where the node at hand has them."""
    for kink in kinks(scope):
        if kink.node == frame.node:
            yield f"It sits on a kink: {kink.convention}."
    for node, bad in _all_not_finite(scope).items():
        if frame.id == node or (frame.direction == BACKWARD and frame.id in _owner(scope, node)):
            yield f"Here {bad.value} arises: {bad.explanation}."
            return


def _owner(scope: Scope, node: int) -> tuple[int, ...]:
    """The node to whose step of the backward pass a node of that pass belongs."""
    return (scope.graph.origins[node],) if scope.graph.phases[node] else ()


def _all_not_finite(scope: Scope) -> dict[int, NonFinite]:
    results = [*scope.graph.output_ids]
    return scope.once(
        "all not finite", lambda: nonfinite_nodes(scope.graph, scope.trace.arrays, results)
    )


def kinks(scope: Scope) -> list[Kink]:
    """The kinks of the differentiated part at this point."""
    if scope.backward is None:
        return []
    backward = scope.backward
    return scope.once("kinks", lambda: list(kinks_at(scope.graph, backward, scope.trace.arrays)))


def ledger_lines(scope: Scope, found: Ledger) -> Iterator[str]:
    """A path ledger, one path a line: product by name, locals put in, number, share."""
    total = f"∂{found.of}/∂{found.wrt}"
    s = "s" if found.count != 1 else ""
    yield f"{total} = {brief(found.gradient)}, the sum over {_count(found.count)} path{s}"
    for path in found.paths:
        share = f"{round(100 * path.share, 2) + 0.0:g} %" if np.isfinite(path.share) else "—"
        direct = "   (directly)" if len(path.steps) == 1 and found.count > 1 else ""
        row = equation(_chain(scope, found, path), _put_in(scope, path), brief(path.product))
        yield f"  {share:>8}  {row}{direct}"
    left = found.count - len(found.paths)
    if left:
        which = "the largest are listed" if found.exact else "the largest at each node are listed"
        yield f"  {_count(left)} more; {which}"
    if found.cancels:
        sizes = f"{found.cancellation:.3g} times the size of the sum"
        if found.cancellation == np.inf:
            sizes = "more than 0, the sum is 0"
        yield f"  the paths nearly cancel: their sizes add up to {sizes}"


def _chain(scope: Scope, found: Ledger, path: Path) -> str:
    """A path as a product of derivatives, or where that is long, as the named nodes on its way."""
    chain = found.chain(path)
    if len(chain) <= LONGEST:
        return chain
    graph = scope.graph
    way = [graph.args[consumer][slot] for consumer, slot in path.steps[:-1]]
    named = [graph.names[at] for at in reversed(way) if at in graph.given_names]
    if len(named) > MOST_WAY:
        named = [*named[: MOST_WAY // 2], "…", *named[-MOST_WAY // 2 :]]
    return " → ".join([found.wrt, *named, f"{found.of} ({len(path.steps)} factors)"])


def _count(count: int) -> str:
    return str(count) if count < 10**9 else f"about {count:.3e}"


def _put_in(scope: Scope, path: Path) -> str | None:
    """The local derivatives of a path's steps put in, where each has a short formula."""
    texts = [scope.local_text(consumer, slot) for consumer, slot in path.steps[:MOST_FACTORS]]
    if len(texts) == 1:
        return clipped(texts[0])
    if not texts or None in texts or len(path.steps) > MOST_FACTORS:
        return None
    return clipped(" · ".join(_factor(text) for text in texts if text is not None))
