"""Formulas: the derivatives of a graph as expressions that carry a stamp, and proofs of claims.

Import `Formula`, `Formulary`, `local`, `upstream`, `jacobian`, `hessian` from `formulary`, `prove`
from `proofs`, `Verdict` from `verdicts`, what a check was worth from `stamps`, the parts of one
step from `explanations`.
"""
