"""What is measured of classes: rates of errors, with the bound that they are below."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from lineal_catalog.classes.figures import ClassFigures, Rate, model_figures
from lineal_catalog.reviews.error_bounds import error_bound


@pytest.mark.parametrize(("wrong", "of"), [(0, 1), (0, 114), (2, 40), (7, 8), (30, 400)])
def test_the_bound_is_that_of_clopper_and_pearson(wrong: int, of: int) -> None:
    assert error_bound(wrong, of) == pytest.approx(beta.ppf(0.9, wrong + 1, of - wrong), abs=1e-9)


def test_where_all_were_wrong_or_nothing_was_asked_nothing_is_shown() -> None:
    assert Rate(3, 3).bound == 1.0
    assert (Rate(0, 0).bound, Rate(0, 0).share) == (None, None)
    assert ClassFigures(0, 3, Rate(0, 0)).review_share is None
    assert ClassFigures(8, 2, Rate(0, 0)).review_share == 0.25


def test_an_evaluation_says_how_many_were_wrong_and_how_many_are_asked_about() -> None:
    metrics = {"accuracy": 0.95, "documents": 100.0, "coverage": 0.9, "believed_accuracy": 0.99}
    found = model_figures(metrics)
    assert found is not None
    assert found.all_documents == Rate(5, 100)
    assert found.believed == Rate(1, 90)
    assert found.review_share == pytest.approx(0.1)
    assert model_figures({"accuracy": 0.9}) is None
