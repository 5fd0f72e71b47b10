"""How the values of each domain are drawn: in several ways, of which a sampler tries the next."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..tape import ops

Array = NDArray[np.float64]
Rng = np.random.Generator
Way = Callable[[Rng, tuple[int, ...]], Array]  # draws an array of a shape


def _scale(shape: tuple[int, ...]) -> float:
    """Matrices shrink with their size, so that a product with them stays of the size of 1."""
    return min(1.0, 1.5 / max(shape[-2:]) ** 0.5) if len(shape) > 1 and min(shape) else 1.0


def _normal(rng: Rng, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape) * _scale(shape)


def _between(low: float, high: float) -> Way:
    return lambda rng, shape: rng.uniform(low, high, shape)


def _dominant(rng: Rng, shape: tuple[int, ...]) -> Array:
    """A well-conditioned matrix, not symmetric, whose symmetric part is positive definite."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return _normal(rng, shape)
    return 2 * np.eye(shape[-1]) + 0.7 * rng.normal(size=shape) / shape[-1] ** 0.5


def _one_hot(rng: Rng, shape: tuple[int, ...]) -> Array:
    if not shape:
        return np.ones(())
    classes = rng.integers(0, shape[-1], shape[:-1])
    return np.asarray(classes[..., None] == np.arange(shape[-1]), float)


def _probability(rng: Rng, shape: tuple[int, ...]) -> Array:
    if not shape:
        return np.asarray(rng.uniform(0.1, 0.9))
    weights = rng.uniform(0.2, 1.0, shape)
    return np.asarray(weights / np.sum(weights, axis=-1, keepdims=True))


WAYS: dict[str, tuple[Way, ...]] = {
    "Real": (
        _normal, _between(0.2, 1.2), _between(-0.5, 0.5), _between(1.2, 2.5), _dominant,
        _between(-1.2, -0.2), _between(3.0, 6.0),
    ),
    "Positive": (_between(0.2, 2.0), _between(0.2, 0.8), _between(1.2, 2.5), _between(3.0, 6.0)),
    "OneHot": (_one_hot,),
    "Probability": (_probability,),
    "Bool": (lambda rng, shape: rng.integers(0, 2, shape).astype(float),),
}  # fmt: skip
DOMINANT = WAYS["Real"].index(_dominant)
SHARES = ((0.1, 0.9), (0.02, 0.3), (0.7, 0.98), (0.4, 0.6))  # of an interval, drawn from in turn


@lru_cache(maxsize=256)
def ways(domain: str) -> tuple[Way, ...]:
    """How the values of a domain can be drawn."""
    found = ops.interval(domain)
    if found is None:
        return WAYS[domain]
    low, width = found[0], found[1] - found[0]
    return tuple(_between(low + a * width, low + b * width) for a, b in SHARES)
