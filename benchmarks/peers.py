"""What more than one script needs of the peers: micrograd's missing functions, tensorgrad's code.

Peers are imported inside the functions, since each may be missing.
"""

import math


def micrograd_function(name):
    """An elementwise function (tanh, sin or cos) for micrograd's Value, in its own style."""
    from micrograd.engine import Value

    evaluate, slope = {
        "tanh": (math.tanh, lambda x, y: 1 - y**2),
        "sin": (math.sin, lambda x, y: math.cos(x)),
        "cos": (math.cos, lambda x, y: -math.sin(x)),
    }[name]

    def apply(v):
        out = Value(evaluate(v.data), (v,), name)

        def backward():
            v.grad += slope(v.data, out.data) * out.grad

        out._backward = backward
        return out

    return apply


def micrograd_backward(root):
    """Value.backward without its recursion, which ends at Python's limit of 1,000 levels."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(child, False) for child in node._prev]
    root.grad = 1
    for node in reversed(order):
        node._backward()


def tensorgrad_function(tensors, sizes, values):
    """tensorgrad's generated torch code for tensors, bound to values given by name.

    Its own wrapper names the edges of the results, which needs the named tensors that torch
    has dropped; the generated code itself does not. Sizes are given by symbol.
    """
    import torch
    from tensorgrad.compiler import compile_to_callable

    step = compile_to_callable(*tensors)
    arguments = [torch.from_numpy(values[variable.name]) for variable in step.vars]
    code = step.codegen.specialize(
        sizes, verbose=False, dtype=arguments[0].dtype, for_inductor=False
    )
    orders = [order for order, _ in step._wrap_plans]

    def run():
        with torch.no_grad():
            results = code(*arguments)
        return [r if o is None else r.permute(o) for r, o in zip(results, orders)]

    return run
