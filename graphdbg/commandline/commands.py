"""What each command does: load, compute, show; the exit code says how the check went."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import RenderableType

from .. import lazy
from ..calculus.gradients import grad, names_of
from ..checking.checker import check, require_check
from ..checking.given_gradients import require_values
from ..formulas import formulary as formulas
from ..formulas import proofs
from ..formulas.explanations import Explanations
from ..formulas.formulary import Formula
from ..numbers.assignments import read_assignments
from ..numbers.evaluator import Trace, bind, evaluate
from ..rendering import equations, page, report, schema
from ..rendering.report import Texts
from ..tape.graph import Graph
from ..tape.records import written
from ..tape.sizes import to_text
from .consoles import console
from .loading import Bounds, Loaded, chosen, complete, listed, load, read_graph, target
from .outlets import say

OK, FAILED, UNDECIDED = 0, 1, 3
Point = Callable[[], Loaded]


def run(args: Namespace) -> int:
    """The main job: both passes, node by node, and the check."""
    loaded = _load(args)
    of = target(loaded.graph, args.of)
    if of is None:
        return _forward_only(args, loaded)
    found = find(loaded, of, args.wrt, everything=args.all)
    if args.json:
        parts = _run_parts(loaded, found.trace, found.texts)
        _print_json("run", **parts, check=found.verdict.to_dict())
    else:
        _show(page.run(found, console().width))
    return OK if found.verdict.ok else FAILED


def find(loaded: Loaded, of: str, wrt: str | None, everything: bool = False) -> page.Run:
    """What the main job shows: values, gradients, their formulas, and the check."""
    graph = grad(loaded.graph, of=of, wrt=chosen(loaded.graph, wrt))
    require_check(graph, bind(graph, loaded.point)[1])
    trace = evaluate(graph, loaded.point)
    verdict = check(graph, loaded.point)
    return page.Run(loaded, trace, Explanations(trace, graph.passes[-1]), verdict, everything)


def _load(args: Namespace) -> Loaded:
    return load(args.source, args.values, args.shape, args.seed, Bounds.of(args))


def _forward_only(args: Namespace, loaded: Loaded) -> int:
    """A program without a scalar result: its values, and how to get derivatives."""
    trace = evaluate(loaded.graph, loaded.point)
    if args.json:
        _print_json("run", **_forward_parts(loaded, trace), backward=None, gradients=[], check=None)
        return OK
    _show(page.forward(loaded, trace, args.all, console().width))
    console().print(f"\n{_how_to_differentiate(loaded.graph)}")
    return OK


def _how_to_differentiate(graph: Graph) -> str:
    if not graph.inputs:
        return "The program has no input: there is nothing to differentiate by."
    name = graph.outputs[-1]
    return (
        f"'{name}' has shape {to_text(graph[name].shape)}: a gradient needs a scalar. "
        f"Its Jacobian: graphdbg jacobian SOURCE --of {name} --wrt {graph.inputs[0]}"
    )


def _forward_parts(loaded: Loaded, trace: Trace) -> dict[str, Any]:
    source = loaded.graph.source
    return {
        "source": {"name": source.name, "text": source.text} if source else None,
        "seed": loaded.seed,
        "dims": schema.dims(trace.dims),
        "inputs": schema.inputs(trace, loaded.drawn),
        "nodes": [schema.node(row) for row in report.forward_rows(trace)],
    }


def _run_parts(loaded: Loaded, trace: Trace, texts: Texts) -> dict[str, Any]:
    backward = trace.graph.passes[-1]
    steps, _ = report.step_rows(trace, backward, texts)
    return {
        **_forward_parts(loaded, trace),
        "backward": {
            "of": trace.graph.names[backward.of],
            "steps": [schema.step(row) for row in steps],
        },
        "gradients": [schema.gradient(row) for row in report.gradient_rows(trace, backward, texts)],
    }


def show_gradients(args: Namespace) -> int:
    """Gradients as formulas."""
    graph, given = _read(args)
    names = chosen(graph, args.wrt)
    backward = grad(graph, of=_scalar(graph, args.of), wrt=names)
    of = backward.names[backward.passes[-1].of]
    wrt = [backward.names[at] for at in backward.passes[-1].wrt]
    book = formulas.Formulary(backward)
    return _show_formulas(args, given, [book.formula(f"{of}.d_{x}") for x in wrt])


def show_jacobian(args: Namespace) -> int:
    """Jacobians as formulas, one for each name to differentiate by."""
    graph, given = _read(args)
    names: Sequence[str | None] = listed(args.wrt) or [None]
    of = graph[args.of].name if args.of else None
    return _show_formulas(args, given, [formulas.jacobian(graph, of=of, wrt=x) for x in names])


def show_hessian(args: Namespace) -> int:
    """The Hessian as a formula; several names make one matrix over all their entries."""
    graph, given = _read(args)
    names = names_of(graph, chosen(graph, args.wrt))
    wrt = names[0] if len(names) == 1 else names
    found = formulas.hessian(graph, of=_scalar(graph, args.of), wrt=wrt)
    return _show_formulas(args, given, [found])


def _scalar(graph: Graph, of: str | None) -> str:
    """The node to differentiate, which `grad` requires to be a scalar."""
    return target(graph, of) or graph.outputs[-1]


def _show_formulas(args: Namespace, given: Point, found: list[Formula]) -> int:
    """Formulas, unwrapped so that they can be copied; at given values also their numbers."""
    loaded = given() if args.values else None
    values = [each.evaluate(loaded.point) if loaded else None for each in found]
    if args.json or args.format == "json":
        rows = [schema.formula(each, args.form, value) for each, value in zip(found, values)]
        drawn = list(loaded.drawn) if loaded else []
        _print_json(args.command, seed=args.seed, drawn=drawn, formulas=rows)
        return OK
    for each, value in zip(found, values):
        say(equations.write(each, args.form, args.format, value))
    if loaded and loaded.drawn:
        say(f"random values (--seed {args.seed}) for {', '.join(loaded.drawn)}")
    return OK


def show_check(args: Namespace) -> int:
    """The check by itself."""
    gradients = read_assignments(args.given)
    loaded = _load(args)
    if gradients:
        require_values(loaded.drawn)
    of = _scalar(loaded.graph, args.of)
    graph = grad(loaded.graph, of=of, wrt=chosen(loaded.graph, args.wrt))
    found = check(graph, loaded.point, gradients=gradients or None)
    if args.json:
        inputs = schema.inputs(evaluate(graph, loaded.point), loaded.drawn)
        _print_json("check", seed=loaded.seed, inputs=inputs, check=found.to_dict())
    else:
        _show(page.check(found, loaded.drawn, loaded.seed))
    return OK if found.ok else FAILED


def prove(args: Namespace) -> int:
    """A claim about a gradient: proved, refuted, agrees or undecided; given values count too."""
    graph, given, dims = read_graph(args.source, args.values, args.shape)
    verdict = proofs.prove(graph, args.claim, seed=args.seed, point=given, dims=dims)
    if args.json:
        _print_json("prove", **schema.verdict(verdict))
    else:
        _show(page.claim(verdict, console().width))
    decided = {"proved": OK, "refuted": FAILED, "agrees": UNDECIDED if args.strict else OK}
    return decided.get(verdict.verdict, UNDECIDED)


def _read(args: Namespace) -> tuple[Graph, Point]:
    """The graph, and what makes its point from the values given: all is read once."""
    graph, arrays, dims = read_graph(args.source, args.values, args.shape, Bounds.of(args))
    return graph, lambda: complete(graph, arrays, dims, args.seed)


def _show(parts: Iterable[RenderableType]) -> None:
    output = console()
    for part in parts:
        output.print(part)


def _print_json(command: str, **parts: Any) -> None:
    document = schema.document(command, lazy.version(), **parts)
    say(written(document, indent=2))


RUN: dict[str, Callable[[Namespace], int]] = {
    "run": run,
    "grad": show_gradients,
    "jacobian": show_jacobian,
    "hessian": show_hessian,
    "check": show_check,
    "prove": prove,
}
