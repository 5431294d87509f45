"""The campaigns in which caution is judged begin with what keeps the threshold, and count what breaks it."""

from __future__ import annotations

from pathlib import Path

import cautious
import numpy as np
import pytest


@pytest.mark.parametrize("name", ["drawn_options", "drawn_numbers"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_so_many_keep_the_threshold_and_every_start_does(name: str, share: float) -> None:
    task = cautious.load(name, Path(), share, 3)

    starts = [cautious._start(task, seed) for seed in range(20)]

    assert task.keeps.mean() == pytest.approx(share, abs=0.01)
    assert task.keeps[np.array(starts)].all()
    assert len({tuple(s) for s in starts}) > 10


def test_a_start_is_of_neighbours() -> None:
    task = cautious.load("drawn_options", Path(), 0.8, 3)

    for seed in range(10):
        first, *others = (task.points[i] for i in cautious._start(task, seed))
        assert all(sum(first[n] != other[n] for n in "abc") <= 2 for other in others)


def test_caution_is_asked_of_the_number_that_is_kept() -> None:
    task = cautious.load("drawn_options", Path(), 0.5, 3)

    careful, plain = task.spec(0.9), task.spec(0.0)

    assert careful.objective["kept"].cautious == 0.9
    assert plain.objective["kept"].cautious is None
    assert careful.objective["kept"].at_most == plain.objective["kept"].at_most == task.limit


def test_what_broke_and_what_was_reached_are_counted_by_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cautious, "EXPERIMENTS", 6)

    found = cautious.run(Path(), "drawn_options", 0.5, 0.0, 1)

    assert found["experiments"] == 3
    assert 0 <= found["broken"] <= 3
    assert found["reached"] <= 1.0
