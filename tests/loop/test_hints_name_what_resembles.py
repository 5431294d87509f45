"""Hints: a name is offered in the place of another only where the two resemble each other."""

from __future__ import annotations

import pytest

from loop.errors import did_you_mean


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("date", ["plate", "well", "yield"]),
        ("state", ["plate", "well"]),
        ("rate", ["plate", "batch"]),
        ("base", ["phase", "acid"]),
        ("time", []),
    ],
)
def test_a_name_that_only_shares_letters_is_not_offered(word: str, known: list[str]) -> None:
    assert did_you_mean(word, known) == ""


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("yeild", "yield"),
        ("Yield", "yield"),
        ("lig", "ligand"),
        ("plat", "plate"),
        ("yield_pc", "yield"),
        ("simulator", "emulator"),
        ("tmeperature", "temperature"),
        ("categorical", "category"),
        ("Compound ID", "compound_id"),
        ("reaction-time", "reaction time"),
    ],
)
def test_a_name_that_is_nearly_one_is_offered(word: str, meant: str) -> None:
    assert did_you_mean(word, ["zinc", meant, "well"]) == f" (did you mean {meant!r}?)"
