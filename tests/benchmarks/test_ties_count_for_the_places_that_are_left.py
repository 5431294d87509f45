"""Of a library's best, those that tie with the last place count for no more than the places that are left."""

from __future__ import annotations

import numpy as np
import pool_search
import pytest


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> pool_search.Library:
    """The best four of seven: two are better than the threshold, and three tie for the two places left."""
    monkeypatch.setattr(pool_search, "TOP", 4)
    scores = np.array([-9.0, -8.5, -8.0, -8.0, -8.0, -7.0, np.nan])
    return pool_search.Library(tuple("abcdefg"), scores, np.array([0, 1, 2, 3]))


@pytest.mark.parametrize(
    ("tried", "by_score", "by_smiles", "places"),
    [
        ([5, 6], 0, 0, 0),
        ([2, 4], 50, 25, 50),
        ([2, 3, 4], 75, 50, 50),
        ([0, 2, 3, 4], 100, 75, 75),
        ([0, 1, 3, 4], 100, 75, 100),
        ([0, 1, 2, 3, 4, 5, 6], 100, 100, 100),
    ],
)
def test_each_count(
    library: pool_search.Library, tried: list[int], by_score: float, by_smiles: float, places: float
) -> None:
    assert library.threshold == -8.0
    assert library.found(np.array(tried)) == (by_score, by_smiles, places)
