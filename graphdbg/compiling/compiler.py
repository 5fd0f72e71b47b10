"""`compile`: a graph as a plain function for repeated use.

Four ways to compute, chosen by rule in `choose`; all agree with `evaluate`:

    python   scalars only, at most `MAX_SOURCE` nodes: generated Python over floats
    levels   scalars only, more nodes: level by level, each level's functions as NumPy arrays
    numba    the same, by a loop over the tape that is compiled once for all graphs; where the
             optional extra `graphdbg[fast]` is installed, it takes over from levels for those
             who call often
    numpy    anything else: generated NumPy with work arrays that are used again
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..errors import GraphError, ValueGivenError
from ..numbers.evaluator import RULES, bind
from ..numbers.work import bounded, require_peak, require_room
from ..tape import ops
from ..tape.graph import Graph
from ..tape.programs import Program, graph_of
from . import arrays as compiler_arrays
from . import fast
from . import levels as compiler_levels
from . import scalar as compiler_scalar
from .levels import Tape
from .lowering import live_nodes, lower

Array = NDArray[Any]
Results = tuple[Any, ...]
Point = Mapping[str, Any]
Step = Callable[..., Results]
Function = Callable[..., Results]

ENGINES = ("python", "levels", "numpy", "numba")
MAX_SOURCE = 4000  # nodes: Python's own compiler takes a tenth of a second for them, then explodes
MAX_STEPS = 20_000  # nodes of an array graph, for the same reason
MAX_KEYWORDS = 16  # inputs; Python finds keywords by linear search, so more are read from a dict
NUMBA_FROM = 50  # calls: Numba needs seconds to be imported and to compile its loop, once
MAX_SIGNATURES = 16  # choices of shapes and types whose functions are kept
FLOATS, ARRAYS = frozenset((float,)), frozenset((np.ndarray,))
NATIVE = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
ELEMENTWISE = (ops.Input, ops.Const, ops.Map, ops.StopGradient)
SCALAR = (*ELEMENTWISE, ops.Contract, ops.Broadcast, ops.Reshape, ops.Array)


class Compiled(Protocol):
    """A compiled graph: a function of the inputs' values that returns the outputs' as a tuple.

    Call it with keywords, `f(x=1.0)` or `f(**{"o.W1": ...})`, with values in the order of
    `f.inputs`, or with `f.run({...})`. Each call returns results of its own: arrays, or floats
    where the whole graph is scalar and was given numbers. `source` is the generated text, for
    reading; `engine` says how it computes. `floats` (None for arrays) is the same for floats in
    the order of `inputs`, unchecked: the fastest way to call a small graph.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    engine: str
    source: str
    floats: Callable[..., Results] | None

    def __call__(self, *values: Any, **named: Any) -> Results:
        """The outputs' values."""

    def run(self, point: Mapping[str, ArrayLike]) -> Results:
        """The outputs' values at a point, given as a mapping."""


def compile(  # the name that users call
    program: Program,
    outputs: Sequence[str] | None = None,
    *,
    engine: str | None = None,
    limit: int | str | None = None,
) -> Compiled:
    """A function of the inputs' values that returns the tuple of the outputs' values.

    `outputs` are names of nodes, by default the graph's own outputs; `engine` overrides the rule
    of `choose`. Integers become floats, float32 arrays stay float32 (constants never widen them),
    inf and nan come out as from `evaluate`. Raises UnknownNameError for an unknown output,
    GraphError for an engine that cannot do this graph. The function raises ValueGivenError for a
    value that is missing, unknown or of a wrong shape, LimitError for shapes whose arrays take more
    than `limit` bytes at a time ("2GB"; by default as in `evaluate`).

    >>> from graphdbg.tape.builder import Builder
    >>> b = Builder()
    >>> x, y = b.input("x"), b.input("y")
    >>> f = compile(b.build({"f": b.map("mul", b.map("add", x, y), y)}))
    >>> f(x=1.0, y=2.0), f.run({"x": 1, "y": 3}), f.engine
    ((6.0,), (12.0,), 'python')
    """
    graph = bounded(graph_of(program), limit)
    names = graph.outputs if outputs is None else tuple(outputs)
    ids = graph.output_ids if outputs is None else tuple(graph.id(name) for name in names)
    live = live_nodes(graph, ids)
    chosen = choose(graph, live) if engine is None else _possible(graph, live, engine)
    arrays = Arrays(graph, ids, live)
    if chosen == "numpy":
        function = _array_function(arrays)
    else:
        function = SCALAR_ENGINES[chosen](arrays)
    return _described(function, arrays, names, chosen)


def choose(graph: Graph, live: Sequence[int]) -> str:
    """The engine for these nodes: `numpy` for arrays, else by their number and what is there."""
    if len(live) <= MAX_SOURCE:
        return "python" if _all(graph, live, SCALAR) else "numpy"
    if not _all(graph, live, ELEMENTWISE):
        return "numpy"
    return "levels, numba" if lazy.has_numba() else "levels"


def _all(graph: Graph, live: Sequence[int], kinds: tuple[type[ops.Op], ...]) -> bool:
    """Whether these nodes and all inputs are scalars, made by primitives of these kinds.

    An input that nothing needs counts as well: the function takes its value all the same.
    """
    found = set(map(type, map(graph.ops.__getitem__, live)))
    return found <= set(kinds) and not any(map(graph.shapes.__getitem__, (*graph.input_ids, *live)))


def _possible(graph: Graph, live: Sequence[int], engine: str) -> str:
    if engine not in ENGINES:
        raise GraphError(f"no engine named '{engine}'; there are {', '.join(ENGINES)}")
    if engine == "numba" and not lazy.has_numba():
        raise GraphError("engine 'numba' needs numba: pip install 'graphdbg[fast]'")
    kinds = SCALAR if engine == "python" else ELEMENTWISE
    if engine != "numpy" and not _all(graph, live, kinds):
        raise GraphError(
            f"engine '{engine}' is for graphs of scalars, and this one has arrays; "
            "leave the engine out or use 'numpy'"
        )
    return engine


# ------------------------------------------------------------------ arrays


class Arrays:
    """The graph over arrays: one generated function per choice of shapes and types.

    `again` computes from validated arrays; `checked` takes what a user gave.
    """

    def __init__(self, graph: Graph, ids: tuple[int, ...], live: list[int]) -> None:
        self.graph, self.ids, self.live = graph, ids, live
        self.inputs = graph.inputs
        # functions nobody is in at the moment: a function works in arrays of its own
        self.idle: dict[tuple[Any, ...], list[Step]] = {}
        self.function: Any = None  # what the user holds: its `source` is the last one written
        self.source = ""
        self.scalars: Callable[..., Results] | None = None  # a faster way for floats

    def checked(self, point: Point) -> Results:
        """The outputs at a point; ValueGivenError for what `evaluate` refuses, too."""
        bound, dims = bind(self.graph, point)
        arrays = _one_type(self.graph, point, bound)
        if self.scalars is not None and all(a.dtype == np.float64 for a in arrays):
            return self.scalars(*[float(array) for array in arrays])
        return self.at(arrays, dims)

    def at(self, arrays: Sequence[Array], dims: Mapping[str, int]) -> Results:
        """The outputs for arrays in the order of the inputs that fit them."""
        if len(self.live) > MAX_STEPS or not NATIVE.issuperset(array.dtype for array in arrays):
            return self._by_rules(arrays, dims)
        key = signature(arrays)
        if key not in self.idle:
            while len(self.idle) >= MAX_SIGNATURES:
                del self.idle[next(iter(self.idle))]
            self.idle[key] = []
        return self._step(self.idle[key], arrays, dims)

    def known(self, arrays: Sequence[Array]) -> Results | None:
        """The outputs where a function for these shapes and types is there, else None."""
        idle = self.idle.get(signature(arrays))
        if not idle:
            return None
        return self._step(idle, arrays, {})

    def _step(self, idle: list[Any], arrays: Sequence[Array], dims: Mapping[str, int]) -> Results:
        try:
            step = idle.pop()
        except IndexError:
            step = self._build(arrays, dims)
        try:
            return step(*arrays)
        finally:
            idle.append(step)

    def _build(self, arrays: Sequence[Array], dims: Mapping[str, int]) -> Step:
        require_peak(self.graph, dims, self.live, self.ids)
        dtypes = {name: array.dtype for name, array in zip(self.inputs, arrays)}
        program = lower(self.graph, self.ids, dims, dtypes)
        source, namespace = compiler_arrays.write(program, self.inputs, dims)
        if self.scalars is None:
            self.function.source = source
        return cast(Step, _execute(source, namespace)["step"])

    def _by_rules(self, arrays: Sequence[Array], dims: Mapping[str, int]) -> Results:
        """The evaluator's rules one after another: long doubles, enormous graphs."""
        require_room(self.graph, dims)
        bound = dict(zip(self.inputs, arrays))
        values: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for at in self.live:
                op = self.graph.ops[at]
                operands = [values[arg] for arg in self.graph.args[at]]
                if type(op) is ops.Input:
                    operands = [bound[op.name]]
                values[at] = RULES[type(op)](op, operands, dims)
        return tuple(np.array(values[at]) for at in self.ids)

    def floats_again(self, values: Sequence[float]) -> Results:
        """The outputs for floats where Python's `math` raised: inf and nan as NumPy has them."""
        results = self.at([np.array(value, np.float64) for value in values], {})
        return tuple(float(result) for result in results)


def signature(arrays: Sequence[Array]) -> tuple[Any, ...]:
    """Shapes and types."""
    return (*[array.shape for array in arrays], *[array.dtype for array in arrays])


def _one_type(graph: Graph, point: Point, bound: Mapping[str, Array]) -> list[Array]:
    """The arrays; what was given as plain numbers takes the type of the floating arrays."""
    typed = {
        name: array.dtype
        for name, array in bound.items()
        if getattr(getattr(point[name], "dtype", None), "kind", "") == "f"
    }
    common = np.result_type(*typed.values()) if typed else np.dtype(np.float64)
    labels = {graph.names[at] for at in graph.input_ids if graph.ops[at].domain == "Label"}  # type: ignore[attr-defined]
    return [
        array if name in typed or name in labels else array.astype(common)
        for name, array in bound.items()
    ]


def _array_function(arrays: Arrays) -> Callable[..., Results]:
    get, count = _getter(arrays.inputs), len(arrays.inputs)

    def run(point: Point) -> Results:
        """The outputs' values at a point, given as a mapping."""
        try:
            values = get(point)
        except KeyError:
            return arrays.checked(point)
        if len(point) == count and ARRAYS.issuperset(map(type, values)):
            results = arrays.known(values)
            if results is not None:
                return results
        return arrays.checked(point)

    return _callable(run, arrays)


def _callable(run: Callable[[Point], Results], arrays: Arrays) -> Callable[..., Results]:
    """A function that takes values by position or by keyword and hands `run` a mapping."""

    def function(*values: Any, **named: Any) -> Results:
        if values:
            named = _by_position(arrays.inputs, values, named)
        return run(named)

    function.run = run  # type: ignore[attr-defined]
    function.floats = arrays.scalars  # type: ignore[attr-defined]
    return function


def _by_position(inputs: tuple[str, ...], values: Sequence[Any], named: Point) -> dict[str, Any]:
    if len(values) > len(inputs):
        raise ValueGivenError(
            f"{len(values)} values were given for {len(inputs)} inputs ({', '.join(inputs)})"
        )
    twice = [name for name in inputs[: len(values)] if name in named]
    if twice:
        raise ValueGivenError(f"input '{twice[0]}' was given by position and by name")
    return dict(zip(inputs, values)) | dict(named)


def _getter(names: tuple[str, ...]) -> Callable[[Point], tuple[Any, ...]]:
    """A function from a mapping to the values of `names`; KeyError where one is missing."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda point: tuple(point[name] for name in names)


# ------------------------------------------------------------------ scalars


def _python_function(arrays: Arrays) -> Callable[..., Results]:
    """Generated Python over floats."""
    float64 = dict.fromkeys(arrays.inputs, np.dtype(np.float64))
    program = lower(arrays.graph, arrays.ids, {}, float64)
    plain = all(map(compiler_scalar.is_plain, arrays.inputs))
    keywords = plain and len(arrays.inputs) <= MAX_KEYWORDS
    source, namespace = compiler_scalar.write(program, arrays.inputs, keywords)
    missing = object()

    def checked(values: Point, more: Point) -> Results:
        given = {name: value for name, value in values.items() if value is not missing}
        return arrays.checked(given | dict(more))

    prefix = compiler_scalar.prefix_for(arrays.inputs)
    own = {"again": arrays.floats_again, "missing": missing, "checked": checked, "float": float}
    namespace |= {prefix + name: value for name, value in own.items()}
    _execute(source, namespace)
    arrays.scalars, arrays.source = namespace["floats"], source
    general = _float_function(arrays)
    if not keywords:
        return general
    function = cast(Callable[..., Results], namespace["function"])
    function.__dict__.update(general.__dict__)
    return function


def _tape_function(arrays: Arrays, stages: Sequence[compiler_levels.Stage]) -> Function:
    """A loop over the tape, then what the stages prepare."""
    tape = Tape(arrays.graph, arrays.live, arrays.ids)
    arrays.scalars = compiler_levels.function(tape, stages)
    return _float_function(arrays)


LEVELS: compiler_levels.Stage = (2, compiler_levels.by_levels)


def _loop(tape: Tape) -> compiler_levels.Way:
    return fast.Loop(tape).run


def _float_function(arrays: Arrays) -> Callable[..., Results]:
    get, count, floats = _getter(arrays.inputs), len(arrays.inputs), arrays.scalars
    assert floats is not None

    def run(point: Point) -> Results:
        """The outputs' values at a point, given as a mapping."""
        try:
            values = get(point)
        except KeyError:
            return arrays.checked(point)
        if len(point) == count and _are_numbers(values):
            return floats(*values)
        return arrays.checked(point)

    return _callable(run, arrays)


def _are_numbers(values: tuple[Any, ...]) -> bool:
    """Whether all are Python's own floats and whole numbers, at least one a float.

    Any other kind of number or array makes the sum one of its own kind, and this is five times as
    fast as looking at each type; the generated source copes with whole numbers.
    """
    try:
        return type(sum(values)) is float
    except (TypeError, ValueError, RuntimeWarning):
        return False


SCALAR_ENGINES: dict[str, Callable[[Arrays], Function]] = {
    "python": _python_function,
    "levels": lambda arrays: _tape_function(arrays, [LEVELS]),
    "levels, numba": lambda arrays: _tape_function(arrays, [LEVELS, (NUMBA_FROM, _loop)]),
    "numba": lambda arrays: _tape_function(arrays, [(2, _loop)]),
}


def _execute(source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """The namespace after our own text, made from the graph alone, has defined its functions."""
    exec(builtins.compile(source, "<graphdbg>", "exec"), namespace)  # noqa: S102
    return namespace


def _described(
    function: Callable[..., Results], arrays: Arrays, names: tuple[str, ...], engine: str
) -> Compiled:
    """The function with what `Compiled` promises."""
    described: Any = function
    arrays.function = function
    described.inputs, described.outputs, described.engine = arrays.inputs, names, engine
    described.__name__ = described.__qualname__ = "compiled"
    described.__doc__ = (
        f"The values of {', '.join(names[:20])}{', ...' * (len(names) > 20)} as a tuple."
    )
    described.source = arrays.source
    return cast(Compiled, described)
