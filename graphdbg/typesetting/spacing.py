"""Where products are written without a space: `xᵀAx`, `W2ᵀ(p − y)`, but `W2 h`, `a bᵀ`."""

from __future__ import annotations

from . import trees as t
from .trees import Tree

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "lambda_": "λ", "mu": "μ",
    "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip


def is_block(written: str) -> bool:
    """Whether a text has no spaces outside of one pair of brackets around all of it."""
    if " " not in written:
        return True
    depth = 0
    for at, each in enumerate(written):
        depth += (each == "(") - (each == ")")
        if depth == 0:
            return at == len(written) - 1
    return False


def is_letter(tree: Tree) -> bool:
    """Whether a factor is one letter, perhaps with marks: `Aᵀ`, `1`."""
    while type(tree) in (t.Transpose, t.Inverse):
        tree = tree.body  # type: ignore[attr-defined]
    if type(tree) is t.Symbol:
        return len(tree.name) == 1 or tree.name in GREEK
    return type(tree) is t.Ones


def is_outer(left: Tree, right: Tree) -> bool:
    """Whether the product of two factors is an outer product."""
    return left.shape[1] is None and right.shape[0] is None


def is_tight(left: str, a: Tree, right: str, b: Tree, compact: bool) -> bool:
    """Whether two neighbours in a product, `a` written `left`, stand without a space.

    `compact` is a product of single letters and brackets without an outer product.
    """
    if type(a) is t.Ones:
        ones = type(b) is t.Transpose and type(b.body) is t.Ones
        return (is_letter(b) and not ones) or right[0] == "("
    if is_outer(a, b):
        return False
    if right[0] == "(":
        return (is_letter(a) and left != "σ") or left[-1] in "ᵀ)"  # σ( would be the sigmoid
    if type(b) is t.Ones:
        return left[-1] in "ᵀ)"
    if left[0] == "(":
        return is_letter(b)
    return compact
