"""Limits are checked before anything is sent, whatever was proposed, and before what lies prepared is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.common.limits import limited
from adapters.errors import LimitBroken
from db.ledger import open_ledger
from flows.engine import run, tick
from flows.settings import Settings
from flows.wiring import open_laboratory
from loop.contracts import AttemptKey, Delivery, ExperimentSpec, HasParts, SupportsAnnouncement
from loop.errors import SpecError
from loop.experiment import State
from loop.history import History
from loop.outcome import Fault, FaultKind
from loop.space import Pool
from loop.spec import CampaignSpec, build_limits
from tests.flows.engine.bench import FakeLaboratory, Plan, add, cheap_planner, executions, spec_of

LIMITED: dict[str, Any] = {"adapter": "simulated", "limits": {"step": {"at_most": 3, "trim": True}}}


def reckless(spec: CampaignSpec, history: History, pool: Pool | None, *, seed: int, experiments: int) -> Plan:
    """A planner that believes its own numbers: every second candidate is beyond the limit."""
    plan = cheap_planner(spec, history, pool, seed=seed, experiments=experiments)
    proposals = tuple(
        replace(p, candidate=replace(p.candidate, settings={**p.candidate.settings, "step": 5.0}))
        if p.position % 2
        else p
        for p in plan.proposals
    )
    return replace(plan, proposals=proposals)


def test_a_wrong_planner_cannot_pass(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=LIMITED, budget={"experiments": 4})

    run(settings, "small", on_tick=lambda _: None, planner=reckless, poll=0.02)

    with open_ledger(settings.database) as ledger:
        seen = ledger.observations("small")
    refused = [o for o in seen if o.settings["step"] == 5.0]
    assert len(refused) == 2
    for o in refused:
        assert isinstance(o.outcome, Fault)
        assert o.outcome.kind is FaultKind.INPUT_ERROR
        assert "limit 'step' of the laboratory: step = 5 and the limit is at most 3" in o.outcome.message
    assert sum(executions(settings).values()) == 2  # the laboratory never heard of the others


def test_the_planner_is_given_a_space_that_keeps_to_the_limits_and_the_round_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, laboratory=LIMITED)

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)

    with open_ledger(settings.database) as ledger:
        assert {p.draft.candidate.settings["step"] for p in ledger.proposals("small")} <= {1.0, 2.0, 3.0}
        notes = ledger.round("small", 1).notes
    assert "the laboratory's limit 'step' (at most 3) trims step" in notes


def test_a_space_that_goes_beyond_is_refused_with_its_line(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"campaign.yaml line \d+: laboratory.limits.step: parameter 'step' goes to 5"):
        add(settings, tmp_path, laboratory={"adapter": "simulated", "limits": {"step": {"at_most": 3}}})


def test_the_laboratory_itself_prepares_nothing_that_breaks_a_limit(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory=LIMITED)
    laboratory = open_laboratory(settings, CampaignSpec.from_resolved(spec_of(laboratory=LIMITED)))
    wrong = ExperimentSpec("small", {"solvent": "DMF", "base": "DBU", "step": 4.0}, {}, {}, {"yield": "%"})

    with pytest.raises(LimitBroken, match=r"attempt k1 is not prepared: limit 'step' .* step = 4"):
        laboratory.prepare(wrong, AttemptKey("k1"))

    assert not (settings.folder("small") / "laboratory" / "jobs").exists()
    assert [p.subject for p in laboratory.validate(wrong)] == ["limit 'step' of the laboratory"]
    right = replace(wrong, settings={**wrong.settings, "step": 3.0})
    assert laboratory.validate(right) == []
    assert laboratory.prepare(right, AttemptKey("k1"))


def test_what_a_laboratory_can_do_besides_it_still_does(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    limits = build_limits(CampaignSpec.from_resolved(spec_of(laboratory=LIMITED)))
    parts = {"laboratories": {"one": {"adapter": "simulated"}, "two": {"adapter": "simulated"}}}
    spec = CampaignSpec.from_resolved(spec_of(laboratory={"adapter": "several", **parts}))
    plain = open_laboratory(settings, spec)

    behind = limited(plain, limits, None)

    assert isinstance(plain, HasParts)
    assert isinstance(behind, HasParts)
    assert set(behind.parts()) == {"one", "two"}
    assert behind.limits() == plain.limits()


def test_what_breaks_a_limit_is_not_announced_either() -> None:
    heard: list[str] = []

    class Hears(FakeLaboratory):
        def announce(self, experiments: Any) -> None:
            heard.extend(key for _, key in experiments)

    limits = build_limits(CampaignSpec.from_resolved(spec_of(laboratory=LIMITED)))
    behind = limited(Hears(), limits, None)
    wrong = ExperimentSpec("small", {"solvent": "DMF", "base": "DBU", "step": 4.0}, {}, {}, {"yield": "%"})
    right = replace(wrong, settings={**wrong.settings, "step": 3.0})

    assert isinstance(behind, SupportsAnnouncement)
    behind.announce([(wrong, AttemptKey("k1")), (right, AttemptKey("k2"))])

    assert heard == ["k2"]
    assert not isinstance(limited(FakeLaboratory(), limits, None), SupportsAnnouncement)


@pytest.mark.usefixtures("laboratory")
def test_what_lies_prepared_when_a_limit_is_tightened_is_not_started(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.abilities = replace(laboratory.abilities, delivery=Delivery.TWO_PHASE)
    add(settings, tmp_path, budget={"experiments": 4})
    began = laboratory.start
    laboratory.start = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]  # killed here
    with pytest.raises(KeyboardInterrupt):
        tick(settings, "small", planner=cheap_planner)
    laboratory.start = began  # type: ignore[method-assign]
    with open_ledger(settings.database) as ledger:
        prepared = [a for a in ledger.attempts("small") if a.state is State.SENDING and a.key in laboratory.jobs]
    low = min(float(a.settings["step"]) for a in prepared)
    changed = {"adapter": "simulated", "limits": {"step": {"at_least": low + 0.5, "trim": True}}}
    add(settings, tmp_path, budget={"experiments": 4}, laboratory=changed)

    report = tick(settings, "small", planner=cheap_planner)

    beyond = {a.key for a in prepared if float(a.settings["step"]) < low + 0.5}
    assert beyond
    assert beyond.isdisjoint(laboratory.starts)
    assert any("was not started: limit 'step' of the laboratory" in note for note in report.notes)


def test_what_lies_prepared_when_its_recipe_can_no_longer_be_made_is_not_started(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.abilities = replace(laboratory.abilities, delivery=Delivery.TWO_PHASE)
    add(settings, tmp_path, budget={"experiments": 4})
    began = laboratory.start
    laboratory.start = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]  # killed here
    with pytest.raises(KeyboardInterrupt):
        tick(settings, "small", planner=cheap_planner)
    laboratory.start = began  # type: ignore[method-assign]
    with open_ledger(settings.database) as ledger:
        prepared = [a for a in ledger.attempts("small") if a.state is State.SENDING and a.key in laboratory.jobs]
    gone = prepared[0].settings["solvent"]
    left = [s for s in spec_of()["space"]["solvent"]["options"] if s != gone]
    space = spec_of()["space"] | {"solvent": {"type": "category", "options": left}}
    recipe = {
        "vessel": {"holds": "200 uL"},
        "beside": ["base", "step"],
        "stocks": {solvent: {"behaves": "water"} for solvent in left},
        "steps": [{"dispense": "solvent", "volume": "50 uL"}, {"measure": "yield", "by": "HPLC"}],
    }
    add(settings, tmp_path, budget={"experiments": 4}, space=space, recipe=recipe)

    report = tick(settings, "small", planner=cheap_planner)

    beyond = {a.key for a in prepared if a.settings["solvent"] == gone}
    assert beyond.isdisjoint(laboratory.starts)
    assert any(f"was not started: solvent {gone!r}: no stock is called so" in note for note in report.notes)
