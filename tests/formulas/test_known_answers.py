"""Derivatives known from papers and textbooks: the numbers agree, the proofs hold, and wrong
variants are refuted at a point where both sides really differ.

The answers' texts are trusted test data and are evaluated by NumPy; see `answers`.
"""

import numpy as np
import pytest
from answers import (
    changed,
    claim,
    derivative,
    graph_of,
    left_side,
    load,
    numbers,
    point_of,
    wrong_variants,
)

import graphdbg as gd
from graphdbg.errors import ShapeError

CASES = load("known_answers.json") | load("more_answers.json")
ANY = "any sizes, its numbers kept as written"
BY_NAME = "any sizes"
THESE = "these sizes"

# How far the proofs reach: every case that is not listed is proved for any sizes.
ONLY_AGREE = {
    "cs231n_staged",  # a sum of four exponentials over another: no denominator is found to clear
    "mc_51_det_AXB", "mc_54_logdet_gram", "sherman_morrison",  # identities of inverses
    "tsne_like_gaussian",  # rests on the symmetry of |y_i - y_j|^2
    # at a tie these claims are false, and the tied operands have kinks of their own
    "maxpool_like", "maxpool_2", "beta_policy_ratio",
}  # fmt: skip
FOR_THESE_SIZES = {
    "rosenbrock_hess", "rosenbrock_gradient", "conv1d_valid_x", "conv1d_dw", "conv1d_channels_dw",
    "mc_120_kron_trace", "avgpool_2", "total_variation_smooth", "product_all",
}  # fmt: skip
POINTS = (11, 12, 13)
RELATIVE = 1e-9
FLOOR = 1e-12  # for what is exactly zero: what rounding leaves of terms of the size of 1


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_derivative_equals_the_known_answer(case):
    evaluate = derivative(case)
    for seed in POINTS:
        point = point_of(case, seed)
        found, known = evaluate(point), numbers(case["answer"], point, case.get("sizes"))
        known = np.broadcast_to(known, found.shape)
        size = max(np.max(np.abs(known)), FLOOR / RELATIVE)
        np.testing.assert_allclose(found, known, rtol=0, atol=RELATIVE * size)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_known_closed_form_is_proved(case):
    verdict = gd.prove(graph_of(case), claim(case))
    named = all(not isinstance(dim, int) for shape in case["inputs"].values() for dim in shape)
    if case["id"] in ONLY_AGREE:
        assert (verdict.verdict, verdict.holds) == ("agrees", "")
    elif case["id"] in FOR_THESE_SIZES:
        assert (verdict.verdict, verdict.holds) == ("proved", THESE)
    else:
        assert (verdict.verdict, verdict.holds) == ("proved", BY_NAME if named else ANY)
    assert verdict.digits >= 9


WRONG = {
    f"{case['id']}-{name}": (case, change)
    for case in CASES.values()
    for name, change in wrong_variants(case).items()
}


@pytest.mark.parametrize(("case", "change"), WRONG.values(), ids=WRONG)
def test_a_wrong_variant_is_refuted_at_a_point_where_the_sides_differ(case, change):
    verdict = gd.prove(graph_of(case), claim(case, change))
    assert verdict.verdict == "refuted"
    sizes = _sizes_at(case, verdict.point)
    left = derivative(case)(verdict.point)[verdict.entry]
    right = numbers(changed(case["answer"], change), verdict.point, sizes)
    right = np.broadcast_to(right, derivative(case)(verdict.point).shape)[verdict.entry]
    assert abs(left - right) > 1e-6 * max(abs(left), abs(right))
    np.testing.assert_allclose((verdict.left, verdict.right), (left, right), rtol=1e-9, atol=FLOOR)


def _sizes_at(case, point):
    """The sizes that a point gives to the named dimensions."""
    return {
        dim: np.shape(point[name])[axis]
        for name, shape in case["inputs"].items()
        for axis, dim in enumerate(shape)
        if isinstance(dim, str)
    }


def test_a_transposed_answer_of_another_shape_is_an_error():
    case = CASES["bilinear_X"]
    text = r"the left side has shape \(3, 4\), the right side \(4, 3\): they cannot be equal"
    with pytest.raises(ShapeError, match=text):
        gd.prove(graph_of(case), f"{left_side(case)} = outer(b, a)")


def test_most_known_answers_are_proved():
    assert len(CASES) >= 83
    assert len(ONLY_AGREE) <= len(CASES) // 10
