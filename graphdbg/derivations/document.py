"""A derivation as headings, paragraphs, lists and equations: its words, once for all writers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .expressions import Expression, chain, joined
from .rules import Rule, shown
from .steps import Contribution, Definition, Derivation, Equation, Result, Step

Piece = str | Expression
Pieces = tuple[Piece, ...]
CHAIN = chain("L", "Z", "X")
SHORT = 20  # characters of a formula in the middle of a line
MOST_GIVEN = 40  # inputs that are listed


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` 1 is the title."""

    level: int
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Prose with mathematics in it; `remark` and `small` belong to the equation before."""

    pieces: Pieces
    small: bool = False
    remark: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list: its label, what it says, and a note such as a shape."""

    label: str
    pieces: Pieces
    note: Pieces = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """Equations below each other, their signs of equality in line; `boxed` is a result."""

    rows: tuple[Equation, ...]
    boxed: bool = False


Block = Heading | Paragraph | Items | Display


def blocks(found: Derivation) -> Iterator[Block]:
    """The derivation from its title to the rules it used."""
    yield Heading(1, ("Derivation of ", *title(found)))
    yield Heading(2, ("Problem",))
    yield from _problem(found)
    yield Heading(2, ("Forward pass",))
    yield from _forward(found)
    yield Heading(2, ("Backward pass",))
    yield from _backward(found)
    yield Heading(2, ("Result" if len(found.results) == 1 else "Results",))
    for result in found.results:
        yield from _result(result)
    if found.omitted_results:
        yield Paragraph((f"{found.omitted_results:,} more gradients are left out.",))
    if found.rules:
        yield Heading(2, ("Rules",))
        yield Items(tuple(_rule(rule) for rule in found.rules))


def title(found: Derivation) -> Pieces:
    """The gradients that are derived."""
    return _listed([(result.gradient,) for result in found.results])


# ------------------------------------------------------------------ the forward pass


def _problem(found: Derivation) -> Iterator[Block]:
    given = _some((e.space, f" ({e.said})") if e.said else (e.space,) for e in found.given)
    last = f" as defined in ({found.definitions[-1].number})" if found.definitions else ""
    gradients: list[Pieces] = [
        (joined("∈", [each.gradient, each.space]) if each.space else each.gradient,)
        for each in found.results
    ]
    told: Pieces = ("Given ", *_listed(given), ", and ") if given else ("With ",)
    yield Paragraph((*told, found.of, f"{last}, find ", *_listed(gradients), "."))
    if found.sizes:
        sizes = _listed([(each,) for each in found.sizes])
        yield Paragraph(("The formulas hold for every size ", *sizes, "."))
    if found.point:
        yield Paragraph(("Numbers are those at the point",))
        yield Items(tuple(Entry("", each) for each in _some(map(_equation, found.point))))


def _some(pieces: Iterable[Pieces]) -> list[Pieces]:
    """The first of many inputs, and how many there are more."""
    found = list(pieces)
    if len(found) <= MOST_GIVEN:
        return found
    return [*found[:MOST_GIVEN], (f"{len(found) - MOST_GIVEN:,} more",)]


def _forward(found: Derivation) -> Iterator[Block]:
    if found.omitted_definitions:
        count = found.omitted_definitions
        yield Paragraph((f"The first {count:,} definitions are left out, as are the last steps.",))
    if found.definitions:
        yield Items(tuple(entry for each in found.definitions for entry in _definition(each)))
    else:
        yield Paragraph((found.of, " is an input or a number: there is nothing to compute."))


def _definition(each: Definition) -> Iterator[Entry]:
    left, right = _left(each.equation), each.equation.right
    scalar = [each.value] if each.value is not None and each.space is None else []
    pieces: Pieces = (joined("=", [left, right, *scalar]),)
    if right.typed:
        pieces = (left, " = ", right, *((" = ", scalar[0]) if scalar else ()))
    yield Entry(f"({each.number})", pieces, ("∈ ", each.space) if each.space else ())
    for part in each.parts:
        yield Entry("", ("where ", *_equation(part)))
    if each.stops:
        yield Entry("", ("a part of it is held fixed (stop_gradient): no gradient flows there",))
    if each.value is not None and each.space is not None:
        yield Entry("", ("at the point ", joined("=", [left, each.value])))


def _equation(each: Equation) -> Pieces:
    if each.right.typed:
        return _left(each), " = ", each.right
    return (joined("=", [_left(each), each.right]),)


def _left(each: Equation) -> Expression:
    assert each.left is not None
    return each.left


# ------------------------------------------------------------------ the backward pass


def _backward(found: Derivation) -> Iterator[Block]:
    yield Paragraph((
        "Every gradient has the shape of what it is taken by. A product such as ", CHAIN,
        " names what ", Expression("Z", "Z"), " sends back to ", Expression("X", "X"),
        " by the chain rule; the line below says what that is.",
    ))  # fmt: skip
    if found.size:
        yield Paragraph((
            f"The graph has {found.size:,} nodes: gradients keep their names here, and each rule "
            "is checked by itself.",
        ))  # fmt: skip
    for step in found.steps:
        yield from _step(step)
    if found.omitted:
        first = found.steps[-1].number + 1
        last = found.steps[-1].number + found.omitted
        which = f"({first})" if found.omitted == 1 else f"({first}) to ({last})"
        yield Paragraph((
            f"{found.omitted:,} more steps, {which}, are left out: steps=None, or --steps all, "
            "shows them.",
        ))  # fmt: skip


def _step(step: Step) -> Iterator[Block]:
    yield Heading(3, (f"({step.number}) ", step.gradient))
    if len(step.contributions) > 1:
        uses = _listed([(part.through, f" in ({part.definition})") for part in step.contributions])
        yield Paragraph((step.name, " is used by ", *uses, ": the contributions add up."))
    for part in step.contributions:
        yield from _contribution(step, part)
    if not step.contributions:
        yield Paragraph(_why_none(step))
    rows = step.total if step.total or not step.contributions else ()
    if rows:
        yield Display(_with_value(_with_reason(rows, step), step))
    yield from _remarks(step)


def _why_none(step: Step) -> Pieces:
    if step.total and step.total[0].right.text == "1":
        return ("The backward pass begins with the gradient of ", step.name, " by itself.")
    return ("No gradient flows to ", step.name, ".")


def _contribution(step: Step, part: Contribution) -> Iterator[Block]:
    label = f"({step.number}{part.label}) " if part.label else ""
    rules = ", ".join(rule.name for rule in part.rules)
    s = "s" if len(part.rules) > 1 else ""
    told: Pieces = (f"{label}From ", part.through, f" in ({part.definition})")
    told = (*told, f". Rule{s}: {rules}." if rules else ".")
    local: Pieces = ("Local derivative: ", *_equation(part.local), ".") if part.local else ()
    if part.local is not None and len(part.local.right.text) > SHORT:
        yield Paragraph(told)
        yield Paragraph(local)
    else:
        yield Paragraph((*told, " ", *local) if local else told)
    if part.lines:
        alone = not part.label
        yield Display(_with_value(_with_reason(part.lines, step), step) if alone else part.lines)
    if part.withheld:
        yield Paragraph((part.withheld,), remark=True)


def because(reasons: Sequence[str]) -> str:
    """What a simplification rests on."""
    return f"because {' and '.join(reasons)}"


def _with_reason(rows: Sequence[Equation], step: Step) -> tuple[Equation, ...]:
    """The equations, the last formula with the assumptions that it made possible."""
    at = max((at for at, row in enumerate(rows) if row.why != "in numbers"), default=0)
    if not step.because:
        return tuple(rows)
    why = ", ".join(filter(None, [rows[at].why, because(step.because)]))
    return (*rows[:at], replace(rows[at], why=why), *rows[at + 1 :])


def _with_value(rows: Sequence[Equation], step: Step) -> tuple[Equation, ...]:
    if step.value is None or rows[-1].right.text == step.value.text:
        return tuple(rows)
    return (*rows, Equation(None, step.value, "at the point"))


def _remarks(step: Step | Result) -> Iterator[Block]:
    """What the formula before rests on, and how it was checked."""
    for equation in step.where:
        yield Paragraph(("where ", *_equation(equation)), remark=True)
    if step.because and isinstance(step, Result):
        yield Paragraph((because(step.because),), remark=True)
    if isinstance(step, Step):
        for kink in step.kinks:
            yield Paragraph((f"Convention: {kink}.",), remark=True)
    if step.withheld:
        yield Paragraph((step.withheld,), remark=True)
    if step.stamp is not None and (isinstance(step, Result) or step.contributions):
        yield Paragraph((str(step.stamp),), small=True)


def _result(result: Result) -> Iterator[Block]:
    if result.formula is not None:
        rows: tuple[Equation, ...] = (Equation(result.gradient, result.formula),)
        if result.value is not None and result.value.text != result.formula.text:
            rows = (*rows, Equation(None, result.value, "at the point"))
        yield Display(rows, boxed=True)
    yield from _remarks(result)


def _rule(rule: Rule) -> Entry:
    equations = [joined("=", [left, right]) for left, right in shown(rule)]
    told: list[Piece] = [f"{rule.name}: "]
    if rule.said:
        told.append(rule.said + ("; " if equations else "."))
    if equations:
        told += [equations[0], " gives ", *_listed([(each,) for each in equations[1:]]), "."]
    return Entry("", tuple(told))


def _listed(each: Iterable[Pieces]) -> Pieces:
    """Things with commas and an `and`."""
    found = list(each)
    out: list[Piece] = []
    for at, pieces in enumerate(found):
        if at:
            out.append(" and " if at == len(found) - 1 else ", ")
        out.extend(pieces)
    return tuple(out)
