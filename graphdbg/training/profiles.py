"""The thresholds of published training debuggers, as named profiles: one table with its sources.

A profile says from which number on a rule fires; a rule that a profile does not have never fires
in it. What the rules mean stands in `diagnostics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UnknownNameError
from ..tape.graph import suggestion

Thresholds = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of thresholds: rule by rule, with where they come from."""

    name: str
    source: str
    rules: Mapping[str, Thresholds]


PROFILES = {
    each.name: each
    for each in (
        Profile(
            "sagemaker",
            "built-in rules of Amazon SageMaker Debugger, with their defaults",
            {
                "vanishing gradient": {"mean": 1e-7},
                "exploding tensor": {},
                "dead relu": {"active": 0.01, "share": 0.5},
                "saturation": {"slope": 1e-7, "share": 0.5},
                "update ratio": {"small": 1e-8, "large": 10.0},
                "poor initialisation": {"variance": 10.0, "spread": 1e-3},
                "all zero": {},
                "unchanged": {"steps": 3, "relative": 1e-5, "absolute": 1e-8},
                "loss not decreasing": {"steps": 10},
                "class imbalance": {"ratio": 10.0, "samples": 500},
                "overfitting": {"ratio": 0.1, "patience": 1},
            },
        ),
        Profile(
            "autotrainer",
            "Zhang, Zhai, Ma, Shen, AutoTrainer: An Automatic DNN Training Problem Detection and "
            "Repair System (ICSE 2021)",
            {
                "vanishing ratio": {"ratio": 1e-3, "norm": 1e-4},
                "exploding ratio": {"ratio": 70.0},
                "exploding tensor": {},
                "zero gradients": {"share": 0.7},
            },
        ),
        Profile(
            "deepdiagnosis",
            "Wardat, Cruz, Le, Rajan, DeepDiagnosis: Automatically Diagnosing Faults (ICSE 2022)",
            {
                "vanishing gradient": {"mean": 1e-7},
                "exploding tensor": {},
                "dead relu": {"active": 0.01, "share": 0.5},
                "saturation": {"slope": 1e-7, "share": 0.5},
                "unchanged": {"steps": 3, "relative": 1e-5, "absolute": 1e-8},
                "loss not decreasing": {"steps": 10},
            },
        ),
        Profile(
            "cs231n",
            "Stanford CS231n, notes on learning: the ratio of updates to weights is about 1e-3",
            {
                "exploding tensor": {},
                "update ratio": {"small": 1e-5, "large": 1e-1},
                "dead relu": {"active": 0.01, "share": 0.5},
                "overfitting": {"ratio": 0.1, "patience": 5},
            },
        ),
        Profile(
            "nanguard",
            "NanGuardMode of Theano, with its defaults",
            {"exploding tensor": {}, "big value": {"size": 1e10}},
        ),
    )
}


def profile(name: str) -> Profile:
    """The profile of this name; UnknownNameError where there is none.

    >>> profile("autotrainer").rules["exploding ratio"]["ratio"]
    70.0
    """
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise UnknownNameError(
            f"no profile '{name}' of training diagnostics{suggestion(name, PROFILES)} "
            f"(there are {known})"
        )
    return PROFILES[name]
