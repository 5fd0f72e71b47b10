"""Random program texts that are graphdbg's language and NumPy at once.

`program(rnd)` makes one: some 5 to 15 statements over inputs of up to four axes, with a scalar `f`
and, for Jacobians, a vector `v`. All choices come from `rnd`, a `random.Random` or hypothesis' own,
so that a failing program shrinks.
"""

import re
from dataclasses import dataclass, field

UNARY = (
    "np.sin({})", "np.cos({})", "np.tanh({})", "np.arctan({})", "np.exp(-{}**2)", "{}**2",
    "0.5*{}**3", "np.sqrt(1 + {}**2)", "np.log1p({}**2)", "np.abs({})", "np.square({})", "-{}",
    "np.expm1(0.3*{})", "1/(2 + np.cos({}))", "np.maximum({}, 0.2)", "np.maximum(0, {})",
    "np.where({0} > 0, {0}, 0.1*{0})", "np.sign({0})*{0}", "np.log(2 + np.sin({}))",
    "np.cosh(0.5*{})", "np.sinh(0.5*{})", "np.clip({}, -0.7, 0.9)", "1/(1 + np.exp(-{}))",
    "np.minimum({}, 0.4)**2", "(1 + np.abs({}))**0.3", "2**(0.3*{})", "np.log(np.cosh({}))",
    "np.tan(0.3*{})", "np.arcsin(0.9*np.sin({}))", "{} + np.ones_like({})",
    "(0.5*{0})/(1 + {0}**2)",
    "np.where(np.abs({0}) < 0.5, 0.5*{0}**2, np.abs({0}) - 0.125)",
)  # fmt: skip
BINARY = (
    "{} + {}", "{} - {}", "{}*{}", "{}*{}", "{0}/(1 + {1}**2)", "np.maximum({}, {})",
    "np.minimum({}, {})", "np.where({0} > {1}, {0}*{1}, {0} - {1})", "np.sin({0})*{1} - 0.5*{0}",
    "np.tanh({} + 2*{})", "(2 + np.cos({0}))**np.tanh({1})", "np.where({1} < 0, {0}, np.sin({0}))",
    "np.multiply({}, {})", "({0} if 3 > 2 else {1}) + {1}",
)  # fmt: skip
REDUCTIONS = ("sum", "sum", "mean", "max", "min", "prod", "var", "std")
LETTERS = "abcdefgh"
SIZES = (2, 3, 4)
MAX_ENTRIES = 100  # of an array: enough for each kind of mistake, small enough to be fast


@dataclass
class Writer:
    """The program so far: lines, and the shape of each name."""

    rnd: object
    lines: list = field(default_factory=list)
    shapes: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)
    count: int = 0

    def one(self, *choices):
        return choices[self.rnd.randrange(len(choices))]

    def chance(self, part):
        return self.rnd.randrange(100) < 100 * part

    def emit(self, text, shape):
        """A new name for the text, whose value has the shape."""
        name = f"t{self.count}"
        self.count += 1
        self.lines.append(f"{name} = {text}")
        self.shapes[name] = tuple(shape)
        return name

    def input(self, shape):
        name = f"x{len(self.inputs)}"
        self.inputs[name] = self.shapes[name] = tuple(shape)
        return name

    def shape(self, low=0, high=4):
        rank = self.one(*(r for r in (0, 1, 1, 2, 2, 2, 3, 3, 4) if low <= r <= high))
        return tuple(self.one(*SIZES) for _ in range(rank))

    def any(self, low=0, high=4):
        """A name of an array with so many axes: the latest ones are likelier."""
        fit = [n for n, s in self.shapes.items() if low <= len(s) <= high]
        if not fit or (len(self.inputs) < 3 and self.chance(0.3)):
            return self.input(self.shape(low, high))
        return fit[-1 - min(self.rnd.randrange(len(fit)), self.rnd.randrange(len(fit)))]

    def of(self, shape):
        """A name of an array of this shape: one that there is, or a new input."""
        fit = [name for name, known in self.shapes.items() if known == tuple(shape)]
        if fit and (len(self.inputs) > 4 or self.chance(0.7)):
            return self.one(*fit)
        return self.input(shape)


def _size(shape):
    total = 1
    for dim in shape:
        total *= dim
    return total


# ------------------------------------------------------------------ statements


def _unary(w):
    x = w.any()
    if w.chance(0.25):  # two at once, so that chains of elementwise functions stand in one line
        inner = f"({w.one(*UNARY).format(x, x)})"
        return w.emit(w.one(*UNARY).format(inner, inner), w.shapes[x])
    return w.emit(w.one(*UNARY).format(x, x), w.shapes[x])


def _binary(w):
    x = w.any()
    other = list(w.shapes[x])
    if w.chance(0.6):
        for axis in range(len(other)):
            if w.chance(0.3):
                other[axis] = 1
        other = other[w.rnd.randrange(len(other) + 1) :] if w.chance(0.4) else other
    y = w.of(other)
    pair = (x, y) if w.chance(0.5) else (y, x)
    return w.emit(w.one(*BINARY).format(*pair), w.shapes[x])


def _matmul(w):
    a = w.any(1)
    shape = w.shapes[a]
    if w.chance(0.35) and len(shape) == 1:
        b = w.of(shape)
        return w.emit(w.one("{} @ {}", "np.dot({}, {})").format(a, b), ())
    if w.chance(0.25):
        return w.emit(f"{a} @ {w.of(shape[-1:])}", shape[:-1])
    out = w.one(*SIZES)
    lead = shape[:-2] if len(shape) > 2 and w.chance(0.5) else ()
    if _size(shape[:-1]) * out > MAX_ENTRIES:
        return _unary(w)
    b = w.of((*lead, shape[-1], out))
    text = "{} @ {}" if w.chance(0.8) else "np.matmul({}, {})"
    return w.emit(text.format(a, b), (*shape[:-1], out))


def _outer(w):
    a, b = w.any(1, 1), w.any(1, 1)
    return w.emit(f"np.outer({a}, {b})", w.shapes[a] + w.shapes[b])


def _reduce(w):
    x = w.any(1)
    rank = len(w.shapes[x])
    kind = w.one(*REDUCTIONS)
    keep = w.chance(0.4)
    axes = tuple(sorted({w.rnd.randrange(rank) for _ in range(w.one(1, 1, 2))}))
    if w.chance(0.15):
        axes = tuple(range(rank))
        arguments = "keepdims=True" if keep else ""
    else:
        shown = [a - rank if w.chance(0.4) else a for a in axes]
        axis = str(shown[0]) if len(shown) == 1 else f"({', '.join(map(str, shown))})"
        arguments = f"axis={axis}" + (", keepdims=True" if keep else "")
    shape = [1 if a in axes else d for a, d in enumerate(w.shapes[x]) if keep or a not in axes]
    if kind == "std" and _size([w.shapes[x][a] for a in axes]) == 1:
        kind = "var"  # the standard deviation of one number is 0 and has no gradient
    method = w.chance(0.3) and kind != "std"
    given = f"{x}, {arguments}" if arguments else x
    call = f"{x}.{kind}({arguments})" if method else f"np.{kind}({given})"
    return w.emit(f"np.tanh({call})" if kind == "prod" else call, shape)


def _slice(w):
    x = w.any(1)
    parts, shape = [], []
    for dim in w.shapes[x]:
        kind = w.one(":", "1:", ":-1", "::-1", "int", "::2", "-1", "None", ":", ":2")
        if kind == "None":
            parts.append("None")
            shape.append(1)
            kind = ":"
        if kind in ("int", "-1"):
            parts.append(str(w.rnd.randrange(dim)) if kind == "int" else "-1")
            continue
        kept = len(range(dim)[_slice_of(kind)])
        if kept == 0:
            kind, kept = ":", dim
        parts.append(kind)
        shape.append(kept)
    while parts and parts[-1] == ":" and len(parts) > 1 and w.chance(0.7):
        parts.pop()
    if len(shape) > 4:
        return _unary(w)
    return w.emit(f"{x}[{', '.join(parts)}]", shape)


def _slice_of(text):
    return slice(*(int(p) if p else None for p in text.split(":")))


def _gather(w):
    x = w.any(1)
    shape = w.shapes[x]
    count = w.one(2, 3)
    picked = [w.rnd.randrange(shape[0]) for _ in range(count)]
    if w.chance(0.3):
        rows = [[w.rnd.randrange(shape[0]) for _ in range(2)] for _ in range(2)]
        if len(shape) < 4 and 4 * _size(shape[1:]) <= MAX_ENTRIES:
            return w.emit(f"{x}[np.array({rows})]", (2, 2, *shape[1:]))
    if len(shape) > 1 and w.chance(0.35):
        columns = [w.rnd.randrange(shape[1]) for _ in range(count)]
        if w.chance(0.5):
            return w.emit(f"{x}[np.array({picked}), np.array({columns})]", (count, *shape[2:]))
        return w.emit(f"{x}[:, np.array({columns})]", (shape[0], count, *shape[2:]))
    if len(shape) > 1 and w.chance(0.2):
        return w.emit(f"{x}[..., np.array({[w.rnd.randrange(shape[-1])] * 2})]", (*shape[:-1], 2))
    return w.emit(f"{x}[np.array({picked})]", (count, *shape[1:]))


def _reshape(w):
    x = w.any(1)
    shape = w.shapes[x]
    size = _size(shape)
    targets = [(size,), (1, size), (size, 1)]
    targets += [(d, size // d) for d in (2, 3, 4) if size % d == 0]
    targets += [(d, 2, size // d // 2) for d in (2, 3) if size % (2 * d) == 0]
    new = w.one(*targets)
    shown = list(new)
    if w.chance(0.4):
        shown[w.rnd.randrange(len(shown))] = -1
    listed = ", ".join(map(str, shown))
    text = w.one("{}.reshape({})", "np.reshape({}, ({},))", "{}.reshape(({},))").format(x, listed)
    if new == (size,) and w.chance(0.5):
        text = w.one(f"{x}.ravel()", f"{x}.flatten()", f"np.ravel({x})")
    return w.emit(text, new)


def _transpose(w):
    x = w.any(1)
    shape = w.shapes[x]
    order = list(range(len(shape)))
    w.rnd.shuffle(order)
    kind = w.one("T", "transpose", "swapaxes", "moveaxis", "expand")
    if kind == "T":
        return w.emit(f"{x}.T", shape[::-1])
    if kind == "transpose":
        return w.emit(f"np.transpose({x}, {tuple(order)})", [shape[a] for a in order])
    if kind == "swapaxes":
        new = list(shape)
        new[0], new[-1] = new[-1], new[0]
        return w.emit(f"np.swapaxes({x}, 0, -1)", new)
    if kind == "moveaxis":
        return w.emit(f"np.moveaxis({x}, 0, -1)", (*shape[1:], shape[0]))
    if len(shape) == 4:
        return _unary(w)
    axis = w.rnd.randrange(len(shape) + 1)
    return w.emit(f"np.expand_dims({x}, {axis})", (*shape[:axis], 1, *shape[axis:]))


def _join(w):
    x = w.any(1, 3)
    shape = w.shapes[x]
    if 2 * _size(shape) > MAX_ENTRIES:
        return _unary(w)
    axis = w.rnd.randrange(len(shape))
    if w.chance(0.5):
        other = list(shape)
        other[axis] = w.one(1, *SIZES)
        y = w.of(other)
        new = list(shape)
        new[axis] += other[axis]
        shown = axis - len(shape) if w.chance(0.3) else axis
        return w.emit(f"np.concatenate([{x}, {y}], axis={shown})", new)
    y = w.of(shape)
    axis = w.rnd.randrange(len(shape) + 1)
    return w.emit(f"np.stack([{x}, {y}], axis={axis})", (*shape[:axis], 2, *shape[axis:]))


def _einsum(w):
    a = w.any(1, 3)
    shape = w.shapes[a]
    sizes, left = {}, ""
    for dim in shape:
        same = [c for c in sizes if sizes[c] == dim]
        letter = w.one(*same) if same and w.chance(0.2) else LETTERS[len(sizes)]
        sizes[letter] = dim
        left += letter
    if w.chance(0.4):
        specs, operands = [left], [a]
    else:
        right = "".join(c for c in sizes if w.chance(0.6))
        if w.chance(0.5):
            letter = LETTERS[len(sizes)]
            sizes[letter] = w.one(2, 3)
            right += letter
        if not right:
            return _unary(w)
        specs, operands = [left, right], [a, w.of([sizes[c] for c in right])]
    out = [c for c in sizes if any(c in s for s in specs) and w.chance(0.6)]
    w.rnd.shuffle(out)
    new = [sizes[c] for c in out][:4]
    out = "".join(out)[:4]
    if _size(new) > MAX_ENTRIES:
        return _unary(w)
    return w.emit(f"np.einsum('{','.join(specs)}->{out}', {', '.join(operands)})", new)


def _loop(w):
    h = w.any(1, 2)
    shape = w.shapes[h]
    name = w.emit(f"np.tanh({h})", shape)
    kind = w.one("layer", "rows", "plus", "comprehension", "scan")
    if kind == "layer":
        weights, bias = w.of((shape[-1], shape[-1])), w.of(shape[-1:])
        step = f"    {name} = np.tanh({name} @ {weights} + {bias})"
        w.lines += [f"for i in range({w.one(2, 3)}):", step]
    elif kind == "rows":
        rows = w.of((3, *shape))
        w.lines += ["for i in range(3):", f"    {name} = np.sin({name}) + i*{rows}[i]"]
    elif kind == "plus":
        step = w.of(shape)
        w.lines += ["for k in range(1, 4):", f"    {name} += {step}**k/k"]
    elif kind == "comprehension":
        name = w.emit(f"np.stack([{name}*(i + 1) for i in range(2)])", (2, *shape))
    else:
        w.lines += ["for i in range(2):", f"    {name} = {name}*np.cos({name})"]
    return name


def _function(w):
    x = w.any(0, 3)
    y = w.of(w.shapes[x])
    name = f"g{w.count}"
    inner = w.one(*BINARY).format("a", "b")
    outer = w.one(*UNARY).format("c", "c")
    w.lines += [f"def {name}(a, b=0.5):", f"    c = {inner}", f"    return {outer} + a"]
    call = w.one(f"{name}({x}, {y})", f"{name}({x}, b={y})", f"{name}({x})")
    return w.emit(call, w.shapes[x])


def _linalg(w):
    x = w.any(2, 2)
    n, _ = w.shapes[x]
    kind = w.one(
        "inv", "det", "logdet", "trace", "diag", "norm", "norms", "tril", "softmax", "solve"
    )
    square = f"({x} @ {x}.T + 2*np.eye({n}))"
    if kind == "inv":
        return w.emit(f"np.linalg.inv{square}", (n, n))
    if kind == "solve":
        return w.emit(f"np.linalg.solve({square}, {w.of((n,))})", (n,))
    if kind == "det":
        return w.emit(f"np.log(np.linalg.det{square})", ())
    if kind == "logdet":
        return w.emit(f"np.linalg.slogdet({square})[1]", ())
    if kind == "trace":
        return w.emit(f"np.trace({x} @ {x}.T)", ())
    if kind == "diag":
        return w.emit(w.one(f"np.diag({x} @ {x}.T)", f"np.diagonal({square})"), (n,))
    if kind == "norm":
        return w.emit(f"np.linalg.norm({x} + 1)", ())
    if kind == "norms":
        return w.emit(f"np.linalg.norm({x} + 1, axis=-1, keepdims=True)", (n, 1))
    if kind == "tril":
        return w.emit(w.one("np.tril({})", "np.triu({})").format(x), w.shapes[x])
    shifted = f"np.exp({x} - np.max({x}, axis=-1, keepdims=True))"
    return w.emit(f"{shifted}/np.sum({shifted}, axis=-1, keepdims=True)", w.shapes[x])


def _unpack(w):
    x = w.any(1, 3)
    shape = w.shapes[x]
    first = w.emit("0", ())
    w.lines.pop()
    second = w.emit("0", ())
    w.lines.pop()
    if shape[0] == 2:
        w.lines.append(f"{first}, {second} = {x}")
        new = shape[1:]
    elif shape[0] == 4:
        w.lines.append(f"{first}, {second} = np.split({x}, 2)")
        new = (2, *shape[1:])
    else:
        w.lines.append(f"{first}, {second} = {x}[0], {x}.sum(axis=0)")
        new = shape[1:]
    w.shapes[first] = w.shapes[second] = new
    return first


STATEMENTS = (
    _unary, _unary, _unary, _binary, _binary, _binary, _matmul, _matmul, _reduce, _reduce, _slice,
    _gather, _reshape, _transpose, _join, _einsum, _einsum, _loop, _function, _linalg, _unpack,
    _outer,
)  # fmt: skip


def program(rnd, longest=12):
    """A program's text and the shapes of its inputs; `f` is a scalar, `v` a vector."""
    w = Writer(rnd)
    for _ in range(3 + rnd.randrange(longest - 2)):
        w.one(*STATEMENTS)(w)
    used = [name for name in w.shapes if name not in w.inputs]
    ends = dict.fromkeys([used[-1], *(w.one(*used) for _ in range(2))])
    vector = ends and next(iter(ends))
    w.lines.append(f"v = np.sin(np.reshape({vector}, (-1,)))[:4]")
    parts = [w.one("np.sum(np.sin({}))", "np.mean({0}*{0})", "np.sum(np.tanh({}))").format(each)
             for each in ends]  # fmt: skip
    w.lines.append(f"f = {' + '.join(parts)} + 0.5*np.sum(v)")
    text = "\n".join(w.lines)
    read = set(re.findall(r"\bx\d+\b", text))
    return text, {name: shape for name, shape in w.inputs.items() if name in read}
