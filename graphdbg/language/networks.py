"""`mlp`: a small network as a program text in the language, parsed like any other.

The text is the point: a network made here is stepped, drawn and differentiated line by line.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import library
from ..errors import GraphError, LimitError, UnknownNameError
from ..tape.graph import Graph, suggestion
from ..tape.limits import NODES
from ..tape.scalars import TABLE
from .functions import is_function
from .parser import parse

LOSSES = ("mse", "cross_entropy", "softmax_cross_entropy", "binary_cross_entropy",
          "binary_cross_entropy_with_logits", "hinge", "multiclass_hinge", "huber",
          "l1_loss")  # fmt: skip
LABELS = {"cross_entropy": "Label", "softmax_cross_entropy": "Label", "multiclass_hinge": "Label",
          "binary_cross_entropy": "Bool", "binary_cross_entropy_with_logits": "Bool"}  # fmt: skip
NODES_A_LAYER = 5  # W, b, their product with the layer below, b for each sample, the sum
OUTPUTS = {"cross_entropy": "softmax(o)", "binary_cross_entropy": "sigmoid(o)"}


def mlp(
    sizes: Sequence[int],
    activation: str = "tanh",
    loss: str | None = "mse",
    batch: int | str | None = "n",
    *,
    nodes: int = NODES,
    limit: int | str | None = None,
) -> Graph:
    """The graph of a network of dense layers: input x, output o, and loss L against y.

    `sizes` are the widths from input to output; W1 has shape (sizes[0], sizes[1]). `batch` is the
    number of examples, a name for it, or None for a single one. Losses that take probabilities
    get them by softmax or sigmoid; the multiclass ones take class numbers y. Raises GraphError for
    fewer than two sizes, a size below 1 or a batch without a name, UnknownNameError for an unknown
    activation or loss, LimitError for more layers than `nodes` hold; `limit` is as in `parse`.

    >>> print(mlp([2, 16, 1]))
    ... # doctest: +ELLIPSIS
    x = input  (n, 2)
    ...
    """
    count = NODES_A_LAYER * (len(sizes) - 1)
    if count > nodes:
        raise LimitError(
            f"a network of {len(sizes) - 1} layers makes at least {count} nodes, and {nodes} is "
            "the limit: take fewer layers, or raise it with nodes=N"
        )
    return parse(program(sizes, activation, loss, batch), nodes=nodes, limit=limit)


def program(
    sizes: Sequence[int],
    activation: str = "tanh",
    loss: str | None = "mse",
    batch: int | str | None = "n",
) -> str:
    """The program text that `mlp` parses.

    >>> print(program([2, 3, 1], "relu", "mse"))
    x: Real[n, 2]
    W1: Real[2, 3]
    b1: Real[3]
    W2: Real[3, 1]
    b2: Real[1]
    y: Real[n, 1]
    h1 = relu(x @ W1 + b1)
    o = h1 @ W2 + b2
    L = mse(o, y)
    """
    _check(sizes, activation, loss, batch)
    lead = "" if batch is None else f"{batch}, "
    lines = [f"x: Real[{lead}{sizes[0]}]"]
    for layer in range(1, len(sizes)):
        lines.append(f"W{layer}: Real[{sizes[layer - 1]}, {sizes[layer]}]")
        lines.append(f"b{layer}: Real[{sizes[layer]}]")
    if loss is not None:
        lines.append(_labels(loss, lead, sizes[-1]))
    below = "x"
    for layer in range(1, len(sizes) - 1):
        lines.append(f"h{layer} = {activation}({below} @ W{layer} + b{layer})")
        below = f"h{layer}"
    lines.append(f"o = {below} @ W{len(sizes) - 1} + b{len(sizes) - 1}")
    if loss is not None:
        lines.append(f"L = {loss}({OUTPUTS.get(loss, 'o')}, y)")
    return "\n".join(lines)


def _labels(loss: str, lead: str, classes: int) -> str:
    domain = LABELS.get(loss, "Real")
    if domain != "Label":
        return f"y: {domain}[{lead}{classes}]"
    return f"y: Label[{lead.removesuffix(', ')}]" if lead else "y: Label"


def _check(
    sizes: Sequence[int], activation: str, loss: str | None, batch: int | str | None
) -> None:
    if isinstance(batch, str) and not batch.isidentifier():
        raise GraphError(f"batch is a whole number, a name or None; found {batch!r}")
    if len(sizes) < 2:
        raise GraphError(f"a network needs at least 2 sizes, input and output; found {list(sizes)}")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise GraphError(
                f"a size is a whole number of 1 or more; found {size!r} in {list(sizes)}"
            )
    known = {name for name, row in TABLE.items() if row.arity == 1} | library.names()
    activations = set(filter(is_function, known))
    if activation not in activations:
        hint = suggestion(activation, activations)
        raise UnknownNameError(f"no activation function named '{activation}'{hint}")
    if loss is not None and loss not in LOSSES:
        hint = suggestion(loss, LOSSES)
        raise UnknownNameError(f"no loss named '{loss}'{hint} (there are {', '.join(LOSSES)})")
