"""``benchmarks/rehearsals.py`` counts what came of what was foreseen."""

from __future__ import annotations

from rehearsals import told


def test_what_was_foreseen_is_held_against_what_came() -> None:
    rows = [
        {"low": 10, "middle": 20, "high": 30, "came": 25, "gain": 5, "foreseen": 1, "chance": 0.6, "reached": True},
        {"low": 10, "middle": 20, "high": 30, "came": 35, "gain": 15, "foreseen": 1, "chance": 0.5, "reached": True},
        {"low": 10, "middle": 20, "high": 30, "came": 10, "gain": 0, "foreseen": 4, "chance": 0.9, "reached": False},
    ]

    assert told(rows) == ["0.67", "-3.3", "2.0", "6.7", "1 of 2", "1 of 1"]
