"""A list of candidates that is no product, nor nearly one, makes a space of just these."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from flows.importing import Foreign, Source, campaign_text, read_foreign
from loop.space import ProductPool
from loop.spec import build_space, read_spec


def scope(header: str, rows: Iterable[Sequence[object]]) -> Foreign:
    """A scope of EDBO+ in which nothing is measured yet."""
    lines = [f"{header},yield,priority", *(",".join(map(str, row)) + ",PENDING,0" for row in rows)]
    return read_foreign(Source(Path("scope.csv"), "\n".join(lines).encode(), {"yield": "maximize"}))


def candidates(foreign: Foreign) -> list[tuple[object, ...]]:
    """Every candidate of the campaign that is written, sorted."""
    text = campaign_text(foreign, campaign="c", source="s")
    space = build_space(read_spec(text, source="c.yaml", read=lambda _: ""))
    pool = ProductPool(space)
    rows = [space.settings(x) for x in pool.take(np.arange(len(pool)))]
    return sorted(tuple(row[name] for name in space.names) for row in rows)


def test_a_few_of_many_combinations_are_the_space() -> None:
    everything = list(itertools.product("abcdefgh", "klmn", (20.0, 40.0, 60.0), "xyz"))
    some = sorted(everything[i] for i in np.random.default_rng(3).choice(len(everything), 60, replace=False))

    foreign = scope("ligand,base,temperature,solvent", some)

    assert candidates(foreign) == some
    assert not [said for said in foreign.left if "list" in said]


def test_a_rule_says_nothing_of_a_setting_that_may_be_any() -> None:
    listed = [row for row in itertools.product("ab", "kl", "xyz") if row[:2] != ("b", "l")]

    rules = [dict(rule.keys) for rule in scope("ligand,base,solvent", listed).constraints]

    assert rules == [{"exclude": {"ligand": "b", "base": "l"}}]


def test_what_was_made_of_a_simplex_stays_one() -> None:
    steps = [float(v) for v in np.linspace(0, 1, 21)]  # 0.15000000000000002 among them: 194,481 combinations
    blends = [b for b in itertools.product(steps, repeat=4) if abs(sum(b) - 1) < 1e-6]

    foreign = scope("water,ethanol,acetone,hexane", blends)

    names = ("water", "ethanol", "acetone", "hexane")
    assert [dict(r.keys) for r in foreign.constraints] == [{"sum": dict.fromkeys(names, 1.0), "equals": 1.0}]
    assert candidates(foreign) == sorted(blends)


def test_a_list_that_keeps_a_sum_and_uses_few_parts_says_so() -> None:
    steps = [0.0, 0.25, 0.5, 0.75, 1.0]
    blends = [b for b in itertools.product(steps, repeat=3) if sum(b) <= 1 and sum(v > 0 for v in b) < 3]

    foreign = scope("a,b,c", blends)

    assert [dict(rule.keys) for rule in foreign.constraints] == [
        {"sum": {"a": 1.0, "b": 1.0, "c": 1.0}, "at_most": 1.0},
        {"count": ["a", "b", "c"], "at_most": 2},
    ]


def test_a_list_that_takes_too_many_rules_is_said() -> None:
    everything = list(itertools.product(range(1, 21), range(1, 21), range(1, 21)))
    some = [everything[i] for i in np.random.default_rng(3).choice(len(everything), 2000, replace=False)]

    foreign = scope("a,b,c", some)

    assert foreign.constraints == ()
    assert "the scope's list of 2000 candidates: hakken takes every combination, 8000 of them" in foreign.left
