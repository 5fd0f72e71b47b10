"""A frame in words: the lines that a stop prints, and `explain`, with the numbers of this point.

Gradients are named as in the lecture: `∂f/∂q` upstream, `∂q/∂x` local, `∂f/∂q · ∂q/∂x` what x
receives. Formulas come from the scope, which has compared each with the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..checking.findings import kinks_at, nonfinite_at
from ..checking.verdicts import Kink, NonFinite
from ..errors import GraphError
from ..graph import NONE
from ..source import Source
from .frames import Frame, Operand
from .paths import Ledger, Path
from .scope import Scope
from .show import brief
from .walk import BACKWARD, Kind, Walk

if TYPE_CHECKING:
    from ..session import Session

LONGEST = 120  # characters of a formula in a line
AROUND = 5  # lines of the program before and after the current one
MOST_INPUTS = 12  # that are listed at the start
DELTA = 0.01  # of the small change that makes a rate felt


def location(frame: Frame) -> str:
    """`lecture.gd:6  forward, 1 of 12: value`."""
    span = frame.span
    place = f"{span.source.name}:{span.line}" if span else "start"
    inside = f"  in {' > '.join(frame.stack)}" if frame.stack else ""
    if frame.kind == Kind.START:
        return f"start, 0 of {frame.walk.end}: the inputs are known, nothing is computed"
    count = f"{frame.position} of {frame.walk.end}"
    return f"{place}  {frame.direction}, {count}: {frame.title}{inside}"


def source_line(frame: Frame) -> str:
    """The line of text that the node stands on, with its arrow; empty where there is none."""
    span = frame.span
    return f"-> {span.source.line(span.line).strip()}" if span else ""


def lines(scope: Scope, frame: Frame) -> Iterator[str]:
    """What is known of the node at hand, one fact a line."""
    name = frame.node
    if frame.kind == Kind.START:
        for each in scope.graph.inputs[:MOST_INPUTS]:
            yield f"{each} = {brief(scope.point[each])}"
        if len(scope.graph.inputs) > MOST_INPUTS:
            yield f"... {len(scope.graph.inputs) - MOST_INPUTS} more: info inputs lists them"
        return
    if frame.direction != BACKWARD:
        yield f"{name} = {frame.operation} = {brief(frame.value)}"
        return
    upstream = f"∂{frame.of}/∂{name}"
    formula = scope.texts.closed(scope.backward.upstream[frame.id]) if has_upstream(frame) else None  # type: ignore[union-attr]
    yield equation(upstream, clipped(formula), brief(frame.upstream))
    if frame.kind not in (Kind.SEED, Kind.GRADIENT):
        for operand in frame.operands:
            yield from _operand_lines(scope, frame, operand)


def ending(walk: Walk) -> str:
    """What to say at the last position."""
    if walk.backward is None:
        return "the end: the forward pass is done, and there is no scalar to differentiate"
    return "the end: both passes are done"


def has_upstream(frame: Frame) -> bool:
    """Whether the node at hand has a gradient on the tape."""
    return frame.walk.backward is not None and frame.id in frame.walk.backward.upstream


def _operand_lines(scope: Scope, frame: Frame, operand: Operand) -> Iterator[str]:
    local = local_text(scope, operand)
    if frame.kind in (Kind.LOCAL, Kind.CALL):
        value = operand.local
        shown = brief(value) if value is not None else ""
        yield "  " + equation(operand.local_name, local, shown)
    elif frame.kind == Kind.MULTIPLY:
        yield "  " + chain_rule(scope, frame, operand)
    else:
        yield f"  {received(frame, operand)}"


def chain_rule(scope: Scope, frame: Frame, operand: Operand) -> str:
    """∂f/∂q · ∂q/∂x = z · 1 = -4 · 1 = -4: names, then formulas, then numbers."""
    return " = ".join(_distinct(chain_parts(scope, frame, operand)))


def chain_parts(scope: Scope, frame: Frame, operand: Operand) -> Iterator[str]:
    """The steps of the chain rule: by name, with formulas put in, with numbers, the result."""
    yield f"∂{frame.of}/∂{frame.node} · {operand.local_name}"
    upstream = scope.texts.closed(scope.backward.upstream[frame.id])  # type: ignore[union-attr]
    local = local_text(scope, operand)
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
    return clipped(scope.texts.local(part.consumer, part.slot))


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
    given = ", ".join(
        f"{scope.graph.names[at]} = {brief(np.asarray(scope.trace.arrays[at]), 30)}"
        for at in operands[:3]
    )
    computed = frame.walk.value_at
    users = {scope.graph.names[at] for at in scope.graph.users[frame.id] if at in computed}
    later = f" It is used by {', '.join(sorted(users)[:3])}." if users else " It is a result."
    return f"{frame.node} = {frame.operation}: with {given} that is {brief(frame.value)}.{later}"


def _call(scope: Scope, frame: Frame) -> str:
    where = "to compute" if frame.direction != BACKWARD else "backwards, from the gradient of"
    return (
        f"Into the call {frame.operation}, {where} {frame.node or 'its results'}; finish comes out "
        "again, and next would have taken it whole."
    )


def _return(scope: Scope, frame: Frame) -> str:
    if frame.direction != BACKWARD:
        return f"The call {frame.operation} is done: {frame.node} = {brief(frame.value)}."
    parts = "; ".join(received(frame, each) for each in frame.operands)
    return (
        f"The call {frame.operation} as a whole has multiplied ∂{frame.of}/∂{frame.node} by its "
        f"Jacobian{': ' + parts if parts else ''}."
    )


def _seed(scope: Scope, frame: Frame) -> str:
    return (
        f"The backward pass begins with ∂{frame.of}/∂{frame.of} = 1: raising {frame.of} by a "
        "little raises it by just that. From here gradients flow to the inputs."
    )


def _local(scope: Scope, frame: Frame) -> str:
    rates = []
    for each in frame.operands:
        value = f"{brief(each.local)}" if each.local is not None else "a linear map"
        rates.append(equation(each.local_name, local_text(scope, each), value))
    return (
        f"How {frame.node} = {frame.operation} answers a small change of each operand, whatever "
        f"{frame.of} is: {'; '.join(rates)}."
    )


def _multiply(scope: Scope, frame: Frame) -> str:
    made = "; ".join(
        f"{each.name} receives {chain_rule(scope, frame, each)}" for each in frame.operands
    )
    return (
        f"A change of {frame.node} changes {frame.of} by ∂{frame.of}/∂{frame.node} = "
        f"{brief(frame.upstream)} as much, so each operand receives upstream × local: {made}."
    )


def _accumulate(scope: Scope, frame: Frame) -> str:
    return f"Contributions add up: {'; '.join(received(frame, each) for each in frame.operands)}."


def _gradient(scope: Scope, frame: Frame) -> str:
    total, value = f"∂{frame.of}/∂{frame.node}", frame.upstream
    if not frame.walk.awaited(frame.id) and frame.id != scope.graph.id(frame.of):
        return f"{total} = 0: {frame.of} does not depend on {frame.node}."
    told = f"All contributions are in: {total} = {brief(value)}."
    if value is None or value.shape:
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
    for bad in not_finite(scope):
        node = scope.graph.id(bad.node)
        if frame.id != NONE and frame.id in (node, scope.graph.origins[node]):
            yield f"Here {bad.value} arises: {bad.explanation}."


def kinks(scope: Scope) -> list[Kink]:
    """The kinks of the differentiated part at this point."""
    if scope.backward is None:
        return []
    backward = scope.backward
    return scope.once("kinks", lambda: list(kinks_at(scope.graph, backward, scope.trace.arrays)))


def not_finite(scope: Scope) -> list[NonFinite]:
    """Where NaN and infinity arise first, in each pass."""
    results = [*scope.graph.output_ids]
    return scope.once(
        "not finite", lambda: list(nonfinite_at(scope.graph, scope.trace.arrays, results))
    )


def ledger_lines(scope: Scope, found: Ledger) -> Iterator[str]:
    """A path ledger, one path a line: product by name, locals put in, number, share."""
    total = f"∂{found.of}/∂{found.wrt}"
    s = "s" if found.count != 1 else ""
    yield f"{total} = {brief(found.gradient)}, the sum over {_count(found.count)} path{s}"
    for path in found.paths:
        share = f"{100 * path.share:.4g} %" if np.isfinite(path.share) else "—"
        put_in = _put_in(scope, path)
        yield f"  {share:>8}  {equation(clipped(found.chain(path)), put_in, brief(path.product))}"
    left = found.count - len(found.paths)
    if left:
        which = "the largest are listed" if found.exact else "the largest at each node are listed"
        yield f"  {_count(left)} more; {which}"
    if found.cancels:
        yield (
            f"  the paths nearly cancel: their sizes add up to {found.cancellation:.3g} times the "
            "size of the sum"
        )


def _count(count: int) -> str:
    return str(count) if count < 10**9 else f"about {count:.3e}"


def _put_in(scope: Scope, path: Path) -> str | None:
    """The local derivatives of a path's steps put in, where each has a short formula."""
    texts = [scope.texts.local(consumer, slot) for consumer, slot in path.steps]
    if not texts or None in texts:
        return None
    return clipped(" · ".join(_factor(text) for text in texts if text is not None))


def stack_lines(scope: Scope, frame: Frame) -> Iterator[str]:
    """Where the cursor is: the calls around it, inmost first, each with its place."""
    yield location(frame)
    for at in reversed(scope.walk.stack(frame.position)):
        call = scope.graph.calls[at]
        names = ", ".join(scope.graph.names[each] for each in call.inputs)
        place = f"{call.span.source.name}:{call.span.line}" if call.span else ""
        yield f"  in {call.label} = {call.function}({names})   {place}".rstrip()


def program(session: Session, middle: int | None = None) -> Iterator[str]:
    """The program around a line (the current one by default), with breakpoints and the arrow."""
    source, here = session.graph.source, session.frame.line or 1
    if source is None:
        raise GraphError("this graph has no program text")
    count, middle = len(source.line_starts), here if middle is None else middle
    if not 1 <= middle <= count:
        raise GraphError(f"found line {middle}, expected one from 1 to {count}")
    return _around(source, middle, here, session.marks.lines(session.walk))


def surroundings(session: Session) -> Iterator[str]:
    """The text around the cursor: inside of a call that of its function, then where it was called.

    A function of the library has a file of its own.
    """
    frame, own = session.frame, session.graph.source
    span = frame.span
    if span is None or span.source == own:
        yield from program(session)
        return
    yield f"{span.source.name}:"
    yield from _around(span.source, span.line, span.line, set())
    if own is not None and frame.line:
        yield f"called from {own.name}:{frame.line}: {own.line(frame.line).strip()}"


def _around(source: Source, middle: int, here: int, marked: set[int]) -> Iterator[str]:
    last = min(len(source.line_starts), middle + AROUND)
    while last > middle and not source.line(last).strip():
        last -= 1
    for at in range(max(1, middle - AROUND), last + 1):
        arrow = "->" if at == here else "  "
        yield f"{at:4}{'●' if at in marked else ' '}{arrow} {source.line(at)}".rstrip()
