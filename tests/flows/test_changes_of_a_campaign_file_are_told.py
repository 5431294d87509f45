"""What a version of a campaign file changes is told value by value."""

from __future__ import annotations

from flows.shown.changes import spec_changes

BEFORE = {
    "space": {"t": {"low": 40.0, "high": 80.0}, "base": {"options": ["KOAc", "KOtBu"]}},
    "budget": {"experiments": 20},
    "description": "first",
}


def test_every_value_that_differs_is_told_with_what_it_was() -> None:
    after = {
        "space": {"t": {"low": 45.0, "high": 80.0}, "base": {"options": ["KOAc"]}},
        "budget": {"experiments": 20, "hours": 8},
    }

    assert spec_changes(BEFORE, after) == (
        "budget.hours 8 (new)",
        "description left out (was first)",
        "space.t.low 45 (was 40)",
        'space.base.options ["KOAc"] (was ["KOAc", "KOtBu"])',
    )
    assert spec_changes(BEFORE, BEFORE) == ()


def test_of_what_is_long_the_size_is_told_and_of_many_changes_how_many_there_are() -> None:
    long = {"options": {f"molecule {i}": "C" * i for i in range(30)}}

    assert spec_changes({"space": {}}, {"space": long}) == ("space.options 30 entries (new)",)
    told = spec_changes({"options": {}}, long)
    assert len(told) == 21
    assert told[-1] == "and 10 more"
