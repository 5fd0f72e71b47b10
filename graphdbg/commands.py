"""What each command does: load, compute, show; the exit code says how the check went."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, RenderableType

from . import __version__, proofs
from .assignments import read_assignments
from .checker import check
from .errors import GraphError
from .evaluator import Trace, evaluate
from .gradients import grad
from .graph import Graph
from .loading import Loaded, load, read_shapes, read_source
from .parser import parse
from .rendering import page, report, schema
from .rendering.report import Texts
from .sizes import to_text

OK, FAILED = 0, 1


def run(args: Namespace) -> int:
    """The main job: both passes, node by node, and the check."""
    loaded = _load(args)
    of = _target(loaded.graph, args.of)
    if of is None:
        return _forward_only(args, loaded)
    graph = grad(loaded.graph, of=of, wrt=_names(args.wrt))
    trace = evaluate(graph, loaded.point)
    verdict = check(graph, loaded.point)
    texts = _texts(graph)
    if args.json:
        _print_json("run", **_run_parts(loaded, trace, texts), check=verdict.to_dict())
    else:
        found = page.Run(loaded, trace, texts, verdict, everything=args.all)
        _show(page.run(found, console().width))
    return OK if verdict.ok else FAILED


def _load(args: Namespace) -> Loaded:
    return load(args.source, args.values, args.shape, args.seed)


def _names(words: str | None) -> list[str] | None:
    return [word.strip() for word in words.split(",") if word.strip()] if words else None


def _target(graph: Graph, of: str | None) -> str | None:
    """The node to differentiate: `of`, or the only scalar output; None where there is none."""
    if of is not None:
        return graph[of].name
    scalars = [name for name in graph.outputs if graph[name].shape == ()]
    if len(scalars) > 1:
        raise GraphError(
            f"the program has several scalar results, {', '.join(scalars)}: "
            f"say which one with --of, such as --of {scalars[-1]}"
        )
    return scalars[0] if scalars else None


def _forward_only(args: Namespace, loaded: Loaded) -> int:
    """A program without a scalar result: its values, and how to get derivatives."""
    trace = evaluate(loaded.graph, loaded.point)
    if args.json:
        _print_json("run", **_forward_parts(loaded, trace), backward=None, gradients=[], check=None)
        return OK
    _show(page.forward(loaded, trace, args.all, console().width))
    name = loaded.graph.outputs[-1]
    console().print(
        f"\n'{name}' has shape {to_text(loaded.graph[name].shape)}: a gradient needs a scalar. "
        f"Its Jacobian: graphdbg jacobian SOURCE --of {name} --wrt {loaded.graph.inputs[0]}",
        highlight=False,
    )
    return OK


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
    steps = report.step_rows(trace, backward, texts)
    return {
        **_forward_parts(loaded, trace),
        "backward": {
            "of": trace.graph.names[backward.of],
            "steps": [schema.step(row) for row in steps],
        },
        "gradients": [schema.gradient(row) for row in report.gradient_rows(trace, backward, texts)],
    }


class NoTexts:
    """No formulas."""

    def closed(self, node: int) -> str | None:
        """None."""
        return None

    def local(self, consumer: int, slot: int) -> str | None:
        """None."""
        return None


def _texts(graph: Graph) -> Texts:
    return NoTexts()


def prove(args: Namespace) -> int:
    """A claim about a gradient: proved, refuted or agrees."""
    graph = _graph(args)
    verdict = proofs.prove(graph, args.claim, seed=args.seed)
    if args.json:
        _print_json("prove", **schema.verdict(verdict))
    else:
        _show(page.claim(verdict, console().width))
    return OK if verdict else FAILED


def _graph(args: Namespace) -> Graph:
    """The graph alone; values only tell the shapes of undeclared inputs."""
    given = read_assignments(args.values)
    text, name = read_source(args.source)
    return parse(text, shapes=read_shapes(args.shape), values=given, name=name)


def console() -> Console:
    """Standard output as Rich sees it: its width, colours unless NO_COLOR or a pipe."""
    return Console(highlight=False, soft_wrap=False)


def _show(parts: Iterable[RenderableType]) -> None:
    output = console()
    for part in parts:
        output.print(part)


def _print_json(command: str, **parts: Any) -> None:
    document = schema.document(command, __version__, **parts)
    json.dump(document, sys.stdout, ensure_ascii=False, allow_nan=False, indent=2)
    sys.stdout.write("\n")


RUN: dict[str, Callable[[Namespace], int]] = {"run": run, "prove": prove}
