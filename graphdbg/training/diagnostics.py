"""What goes wrong while a network learns: `diagnose` names node, rule and number, and a remedy.

The rules are published ones (see `profiles`), but where others estimate, the tape has the exact
number: saturation is the size of a local derivative, which is a node of its own, and a dead unit
is one whose local derivative is 0 for every sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checking.findings import nonfinite_nodes
from ..numbers.evaluator import Trace
from ..tape import ops
from ..tape.graph import NONE, Graph, Pass
from .profiles import Profile, Thresholds, profile

Array = NDArray[Any]
SMOOTH = ("tanh", "sigmoid", "softplus", "logsigmoid", "erf", "arctan")  # what can saturate


@dataclass(frozen=True, eq=False)
class Moment:
    """One step of training, as the rules see it.

    `trace` holds every number of the step's graph, `parameters` name the inputs that are learned
    (in the order of the tape), `after` their values after the update; `before` are their values at
    earlier steps, the last one first. `losses` are those up to now, `train` and `validation` those
    by epoch. `data` are the arrays that are learned from, all samples of them.
    """

    trace: Trace
    backward: Pass
    parameters: tuple[str, ...]
    after: Mapping[str, Array] = field(default_factory=dict)
    before: Sequence[Mapping[str, Array]] = ()
    losses: Sequence[float] = ()
    train: Sequence[float] = ()
    validation: Sequence[float] = ()
    data: Mapping[str, Array] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The tape."""
        return self.trace.graph

    def gradient(self, name: str) -> Array:
        """The gradient of the loss by a parameter."""
        return np.asarray(self.trace.arrays[self.backward.upstream[self.graph.id(name)]])

    def named(self, name: str) -> str:
        """`∂L/∂W1`."""
        return f"∂{self.graph.names[self.backward.of]}/∂{name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: at which node, by which rule, with which number, what to try.

    `limit` is the threshold that was crossed.
    """

    rule: str
    node: str
    number: float
    limit: float
    said: str
    advice: str
    profile: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.node}: {self.said}; {self.advice} ({self.profile})"


Found = tuple[str, float, float, str]  # node, number, limit, what is said of it
Check = Callable[[Moment, Thresholds], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it looks for, and what to try where it fires."""

    name: str
    find: Check
    advice: str


def diagnose(moment: Moment, name: str | Profile = "cs231n") -> list[Finding]:
    """The findings of a profile at one step of training, in the order of its rules.

    Raises UnknownNameError for a profile there is none of.
    """
    chosen = name if isinstance(name, Profile) else profile(name)
    found = []
    with np.errstate(all="ignore"):
        for rule, thresholds in chosen.rules.items():
            row = RULES[rule]
            for node, number, limit, said in row.find(moment, thresholds):
                found.append(Finding(rule, node, number, limit, said, row.advice, chosen.name))
    return found


# ------------------------------------------------------------------ gradients


def _vanishing(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    """Mean size of a gradient below a limit, but not all of it 0."""
    for name in moment.parameters:
        size = float(np.mean(np.abs(moment.gradient(name))))
        if 0 < size < limits["mean"]:
            said = f"the mean of |{moment.named(name)}| is {size:.2g}"
            yield moment.named(name), size, limits["mean"], said


def _ends(moment: Moment) -> tuple[str, str, float, float] | None:
    """First and last weight, and the norms of their gradients."""
    weights = [name for name in moment.parameters if moment.gradient(name).ndim > 1]
    if len(weights) < 2:
        return None
    first, last = weights[0], weights[-1]
    low, high = (float(np.linalg.norm(moment.gradient(name))) for name in (first, last))
    return first, last, low, high


def _vanishing_ratio(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    ends = _ends(moment)
    if ends is None:
        return
    first, last, low, high = ends
    if high > 0 and low / high < limits["ratio"] and low < limits["norm"]:
        said = f"its norm {low:.2g} is {low / high:.2g} of that of {moment.named(last)}"
        yield moment.named(first), low / high, limits["ratio"], said


def _exploding_ratio(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    ends = _ends(moment)
    if ends is None:
        return
    first, last, low, high = ends
    if high > 0 and low / high > limits["ratio"]:
        said = f"its norm {low:.2g} is {low / high:.3g} times that of {moment.named(last)}"
        yield moment.named(first), low / high, limits["ratio"], said


def _zero_gradients(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    for name in moment.parameters:
        share = float(np.mean(moment.gradient(name) == 0))
        if share >= limits["share"]:
            said = f"{share:.0%} of {moment.named(name)} is 0"
            yield moment.named(name), share, limits["share"], said


def _not_finite(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    """NaN or infinity: the nodes in which it arises, not those it spreads to."""
    names = moment.graph.names
    wanted = [moment.backward.of, *(moment.backward.upstream[moment.graph.id(x)]
                                    for x in moment.parameters)]  # fmt: skip
    for node, bad in nonfinite_nodes(moment.graph, moment.trace.arrays, wanted).items():
        yield names[node], float("nan"), float("inf"), f"{bad.value} arises: {bad.explanation}"


def _big(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    """Finite numbers of a size that soon overflows: the nodes at which it arises."""
    graph, arrays = moment.graph, moment.trace.arrays
    sizes = [float(np.max(np.abs(each), initial=0)) for each in arrays]
    for at, size in enumerate(sizes):
        inherited = any(sizes[arg] > limits["size"] for arg in graph.args[at])
        if limits["size"] < size < np.inf and not inherited:
            yield graph.names[at], size, limits["size"], f"its largest entry is {size:.3g}"


# ------------------------------------------------------------------ activations


def _activations(moment: Moment, functions: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """The nodes of elementwise functions, with their local derivatives."""
    graph = moment.graph
    for parts in moment.backward.contributions.values():
        for part in parts:
            op = graph.ops[part.consumer]
            if part.local != NONE and isinstance(op, ops.Map) and op.function in functions:
                yield graph.names[part.consumer], np.asarray(moment.trace.arrays[part.local])


def _dead(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    """Units that are active in too few of the samples, where they are too many of a layer."""
    for name, slope in _activations(moment, ("relu",)):
        units = slope.reshape(-1, slope.shape[-1]) if slope.ndim > 1 else slope.reshape(1, -1)
        dead = float(np.mean(np.mean(units != 0, axis=0) < limits["active"]))
        if dead > limits["share"]:
            said = f"{dead:.0%} of its {units.shape[1]} units are 0 for every sample of the batch"
            yield name, dead, limits["share"], said


def _saturated(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    for name, slope in _activations(moment, SMOOTH):
        share = float(np.mean(np.abs(slope) < limits["slope"]))
        if share > limits["share"]:
            said = f"{share:.0%} of its local derivative is below {limits['slope']:g}"
            yield name, share, limits["share"], said


# ------------------------------------------------------------------ parameters


def _update_ratio(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    for name, after in moment.after.items():
        weight = moment.trace[name]
        size = float(np.linalg.norm(weight))
        if weight.ndim < 2 or not size:
            continue  # biases begin at 0, so that any update is large beside them
        ratio = float(np.linalg.norm(after - weight)) / size
        if ratio < limits["small"]:
            said = f"the update is only {ratio:.2g} of the weights (healthy: about 1e-3)"
            yield name, ratio, limits["small"], said
        elif ratio > limits["large"]:
            said = f"the update is {ratio:.2g} of the weights (healthy: about 1e-3)"
            yield name, ratio, limits["large"], said


def _poor_start(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    """Before anything was learned: weights whose variances are far apart, gradients all alike."""
    if len(moment.losses) > 1:
        return
    for name in moment.parameters:
        if moment.trace[name].ndim > 1:
            low, high = np.percentile(moment.gradient(name), [5, 95])
            if high - low < limits["spread"]:
                said = f"nine tenths of it lie within {high - low:.2g}"
                yield moment.named(name), float(high - low), limits["spread"], said
    spread = {name: float(np.var(moment.trace[name])) * moment.trace[name].shape[0]
              for name in moment.parameters if moment.trace[name].ndim > 1}  # fmt: skip
    spread = {name: size for name, size in spread.items() if size > 0}
    if len(spread) > 1:
        low, high = min(spread, key=spread.__getitem__), max(spread, key=spread.__getitem__)
        ratio = spread[high] / spread[low]
        if ratio > limits["variance"]:
            said = f"its variance times fan-in is {ratio:.3g} times that of {low}"
            yield high, ratio, limits["variance"], said


def _all_zero(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    for name in moment.parameters:
        if moment.trace[name].ndim > 1 and not moment.trace[name].any():
            yield name, 1.0, 1.0, "all of its entries are 0, so all units learn the same"


def _unchanged(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    steps = int(limits["steps"])
    if len(moment.before) < steps:
        return
    for name in moment.parameters:
        now = moment.trace[name]
        same = (
            np.allclose(now, old[name], limits["relative"], limits["absolute"])
            for old in moment.before[:steps]
        )
        if all(same):
            yield name, 0.0, limits["relative"], f"it has not changed in {steps} steps"


# ------------------------------------------------------------------ data and losses


def _imbalance(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    """Labels of which one is far more frequent than another, where there are enough of them."""
    for name, labels in moment.data.items():
        domain = getattr(moment.graph[name].op, "domain", None)
        if domain == "OneHot":
            counts = labels.reshape(-1, labels.shape[-1]).sum(axis=0)
        elif domain in ("Label", "Bool"):
            counts = np.unique(labels, return_counts=True)[1]
        else:
            continue
        if counts.sum() >= limits["samples"] and counts.max() > limits["ratio"] * counts.min():
            ratio = float(counts.max() / counts.min())
            said = f"one class has {counts.max():.0f} samples, another {counts.min():.0f}"
            yield name, ratio, limits["ratio"], said


def _not_decreasing(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    steps = int(limits["steps"])
    if len(moment.losses) > steps and not moment.losses[-1] < moment.losses[-1 - steps]:
        now, then = moment.losses[-1], moment.losses[-1 - steps]
        said = f"it is {now:.6g}, {steps} steps before it was {then:.6g}"
        yield moment.graph.names[moment.backward.of], now - then, 0.0, said


def _overfitting(moment: Moment, limits: Thresholds) -> Iterator[Found]:
    patience = int(limits["patience"])
    pairs = list(zip(moment.train, moment.validation))[-patience:]
    ratios = [(held - train) / train if train else np.inf for train, held in pairs]
    if len(ratios) == patience and min(ratios) > limits["ratio"]:
        said = f"the validation loss is {ratios[-1]:.0%} above the training loss"
        if patience > 1:
            said += f", for {patience} epochs"
        yield moment.graph.names[moment.backward.of], ratios[-1], limits["ratio"], said


RULES = {
    rule.name: rule
    for rule in (
        Rule("vanishing gradient", _vanishing,
             "try relu, another initialisation, normalisation, or a way around (a residual)"),
        Rule("vanishing ratio", _vanishing_ratio,
             "try relu, another initialisation, normalisation, or a way around (a residual)"),
        Rule("exploding ratio", _exploding_ratio,
             "try smaller initial weights, a smaller rate, or normalisation"),
        Rule("zero gradients", _zero_gradients,
             "try a leaky relu, smaller initial biases, or a smaller rate"),
        Rule("exploding tensor", _not_finite,
             "try a smaller rate, or the stable form of the function that overflows"),
        Rule("big value", _big,
             "try a smaller rate, or inputs scaled to mean 0 and variance 1"),
        Rule("dead relu", _dead,
             "try a smaller rate, a positive initial bias, or a leaky relu"),
        Rule("saturation", _saturated,
             "try smaller initial weights or inputs scaled to mean 0 and variance 1"),
        Rule("update ratio", _update_ratio,
             "try a larger rate where it is small, a smaller one where it is large"),
        Rule("poor initialisation", _poor_start,
             "scale each layer's weights by 1/sqrt(fan-in)"),
        Rule("all zero", _all_zero, "draw the initial weights at random"),
        Rule("unchanged", _unchanged,
             "see whether it is used at all (graphdbg step), and try a larger rate"),
        Rule("class imbalance", _imbalance,
             "weigh the classes in the loss, or draw the rare one more often"),
        Rule("loss not decreasing", _not_decreasing,
             "try a smaller rate; if the loss does not move at all, a larger one"),
        Rule("overfitting", _overfitting,
             "try more data, weight decay, dropout, or early stopping"),
    )
}  # fmt: skip
