"""Effects that never changed without one another, or without an option, are said to be entangled."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from campaigns import measured, observe, reaction_spec

from loop.history import History
from loop.insight.entangled import entangled
from loop.planner import plan
from loop.space import Category, Continuous, Space
from loop.spec import CampaignSpec
from loop.surrogates.protocol import TrainingSet

SPACE = Space((Category("ligand", ("A", "B", "C")), Continuous("temperature", 0.0, 100.0, "degC")))
LIGANDS = (0, 1, 2) * 4
DAYS = ("mon",) * 6 + ("tue",) * 6


def rows(**effects: tuple[str | float | None, ...]) -> TrainingSet:
    """Twelve results of three ligands, each at a temperature of its own."""
    x = torch.tensor([[float(a), 8.0 * i] for i, a in enumerate(LIGANDS)], dtype=torch.float64)
    y = torch.arange(12, dtype=torch.float64)
    return TrainingSet(x, y, torch.full_like(y, math.nan), effects=effects)


@pytest.mark.parametrize(
    ("effects", "named"),
    [
        ({"day": DAYS, "operator": ("ada",) * 6 + ("bob",) * 6}, ["day", "operator"]),
        ({"day": DAYS, "operator": ("ada",) * 5 + (None,) * 2 + ("bob",) * 5}, ["day", "operator"]),
        ({"day": DAYS, "operator": ("ada", "bob") * 6}, []),
        ({"day": DAYS, "plate": ("P1",) * 3 + ("P2",) * 3 + ("P3",) * 3 + ("P4",) * 3}, []),  # two plates a day
        ({"day": DAYS}, []),
        ({"humidity": tuple(range(12)), "pressure": tuple(990.0 - 2 * i for i in range(12))}, ["humidity", "pressure"]),
        ({"humidity": tuple(range(12)), "pressure": (1.0, 5.0, 2.0, 7.0) * 3}, []),
        ({"lot": tuple("xyz"[a] for a in LIGANDS)}, ["lot"]),
        ({"lot": tuple("xyy"[a] for a in LIGANDS)}, ["lot"]),
        ({"lot": ("x",) * 12, "day": ("mon",) * 12}, []),  # nothing to tell apart
        ({"lot": tuple(f"lot {i}" for i in range(12))}, ["lot"]),
    ],
)
def test_only_what_never_changed_alone_is_entangled(effects, named):
    assert sorted(entangled("yield", SPACE, rows(**effects))) == named


def test_the_sentence_names_what_it_may_be_and_what_would_tell():
    (pair,) = entangled("yield", SPACE, rows(day=DAYS, operator=("ada",) * 6 + ("bob",) * 6))["day"]
    (option,) = entangled("yield", SPACE, rows(lot=tuple("xyz"[a] for a in LIGANDS)))["lot"]
    (once,) = entangled("yield", SPACE, rows(lot=tuple(f"lot {i}" for i in range(12))))["lot"]

    assert pair == (
        "day and operator changed together in every result, so that nothing tells which of them shifts yield, and what "
        "stands by one may be the other's; change one without the other"
    )
    assert option.startswith("every ligand came with one lot only, so that what lot adds to yield cannot be told from")
    assert once.startswith("every lot came once, so that what it adds to yield cannot be told from noise")


def test_what_never_came_twice_is_not_said_to_change_together():
    lots, bottles = (tuple(f"{what} {i}" for i in range(12)) for what in ("lot", "bottle"))

    found = entangled("yield", SPACE, rows(lot=lots, bottle=bottles))

    assert [said.split(" came once")[0] for name in ("lot", "bottle") for said in found[name]] == [
        "every lot",
        "every bottle",
    ]


def test_a_round_says_so_and_calls_neither_of_them_idle():
    spec = CampaignSpec.from_resolved(
        {**reaction_spec().resolved(), "noise": {"model": "learnt", "effects": ["day", "operator"]}}
    )
    seen = []
    for i in range(12):
        at = {"alcohol": ["methanol", "ethanol", "butanol"][i % 3], "base": ["weak", "strong"][i // 2 % 2]}
        is_late = i >= 6
        found = observe(
            spec, {**at, "temperature": 40}, measured(**{"yield": 20.0 + 5 * (i % 3) + 9 * is_late}), str(i)
        )
        seen.append(replace(found, context={"day": ["mon", "tue"][is_late], "operator": ["ada", "bob"][is_late]}))

    planned = plan(spec, History(tuple(seen)), seed=0, experiments=3)
    said = [note for note in planned.notes if note.startswith("yield by ")]

    assert set(planned.model["entangled"]["yield"]) == {"day", "operator"}
    assert len(said) == 2
    assert all("changed together in every result" in note and "adds nothing" not in note for note in said)
