"""Caution: nothing is proposed that is not believed to keep a threshold; what a file names first comes first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import measured

from loop.acquisition.caution import UNKNOWN, Caution, Guard
from loop.acquisition.hits import hit_chance
from loop.derived import derived
from loop.errors import PoolExhausted, Unproven
from loop.history import History, Observation, Pending, Said
from loop.planner import plan
from loop.planning.careful import carefully
from loop.planning.pick import Pick
from loop.planning.situation import situation_of
from loop.record import Arm
from loop.space import ProductPool
from loop.spec import build_space, read_spec

TEXT = """\
campaign: sealed
space:
  base: {type: category, options: [A, B, C]}
  temperature: {type: number, NUMBERS, unit: degC}
objective:
  yield: {goal: maximize, unit: "%"}
  pressure: {goal: keep, at_most: 5, unit: bar, cautious: CHANCE}
planner: {batch: 3, MORE}
budget: {experiments: 30}
laboratory: {adapter: manual}
"""
FIVES = "low: 20, high: 120, step: 5"
FIRST = "initial: {first: [{base: A, temperature: 30}, {base: B, temperature: 40}]}"


def spec_of(chance=0.95, more=FIRST, numbers="low: 20, high: 120", text=TEXT):
    text = text.replace("CHANCE", f"{chance:g}").replace("MORE", more).replace("NUMBERS", numbers)
    return read_spec(text, source="sealed.yaml", read=None)


def pressure(settings):
    return (settings["temperature"] - 20) / 10 * {"A": 0.5, "B": 0.8, "C": 1.0}[settings["base"]]


def told(spec, rows, start=0):
    space = build_space(spec)
    return tuple(
        Observation(
            str(start + i),
            space.coordinates(s),
            measured(**{"yield": s["temperature"] * 0.6, "pressure": pressure(s)}),
        )
        for i, s in enumerate(rows)
    )


KNOWN = [{"base": "A", "temperature": 30.0}, {"base": "B", "temperature": 40.0}, {"base": "A", "temperature": 50.0}]


def caution_of(spec, rows):
    history = History(told(spec, rows))
    return situation_of(spec, history, None, seed=0, experiments=9, purse=None).caution


def test_what_the_file_names_comes_first_and_nothing_else_before_a_model() -> None:
    spec = spec_of()

    found = plan(spec, History(), seed=0, experiments=30).proposals

    assert [p.candidate.settings for p in found] == KNOWN[:2]
    assert {p.arm for p in found} == {Arm.INITIAL}
    assert "comes first, as the campaign file asks" in found[0].reason


def test_without_anything_known_nothing_is_proposed() -> None:
    with pytest.raises(
        Unproven, match="nothing is known yet to keep pressure at most 5 bar, which is cautious"
    ) as said:
        plan(spec_of(more="seed: 1"), History(), seed=0, experiments=30)

    assert "tell a few results (hakken tell), name experiments under planner.initial.first" in str(said.value)


def test_one_result_is_too_few_and_the_message_counts_it() -> None:
    spec = spec_of(more="seed: 1")

    with pytest.raises(Unproven, match="none can of 1 result"):
        plan(spec, History(told(spec, KNOWN[:1])), seed=0, experiments=30)


@pytest.mark.parametrize("numbers", ["low: 20, high: 120", FIVES])
def test_a_campaign_goes_out_from_what_it_knows_and_breaks_nothing(numbers) -> None:
    spec, seen = spec_of(numbers=numbers), ()

    for turn in range(5):
        found = plan(spec, History(seen), seed=turn, experiments=30).proposals
        seen += told(spec, [dict(p.candidate.settings) for p in found], len(seen))

    space = build_space(spec)
    settings = [space.settings(o.x) for o in seen]
    assert max(pressure(s) for s in settings) <= 5
    assert max(s["temperature"] for s in settings) > 70  # and it got somewhere


def test_every_proposal_is_believed_to_keep_it_and_its_reason_says_how_likely() -> None:
    spec = spec_of()
    caution = caution_of(spec, KNOWN)

    found = plan(spec, History(told(spec, KNOWN)), seed=0, experiments=30).proposals

    x = np.array([build_space(spec).coordinates(p.candidate.settings) for p in found])
    assert len(found) == 3
    assert caution.allows(x).all()
    assert min(caution.chances(x)["pressure"]) >= 0.95
    assert "; with caution, pressure is kept with a chance of 0.9" in found[0].reason
    digits = [len(repr(p.candidate.settings["temperature"]).partition(".")[2]) for p in found]
    assert max(digits) <= 3  # rounded, and still allowed


@pytest.mark.parametrize(
    "more", ["acquisition: ucb", "acquisition: thompson", "acquisition: exploration", "control: 1"]
)
def test_any_way_to_choose_is_held_to_it(more) -> None:
    spec = spec_of(0.9, more, FIVES)
    caution = caution_of(spec, KNOWN)

    found = plan(spec, History(told(spec, KNOWN)), seed=1, experiments=30).proposals

    x = np.array([build_space(spec).coordinates(p.candidate.settings) for p in found])
    assert caution.allows(x).all()
    every = ProductPool(build_space(spec))
    assert not caution.allows(every.take(np.arange(len(every)))).all()  # so that it is a choice


def test_the_more_is_asked_the_less_is_allowed_and_the_more_is_known_the_more() -> None:
    steps = "low: 20, high: 120, step: 2"
    every = ProductPool(build_space(spec_of(numbers=steps)))
    x = every.take(np.arange(len(every)))
    known = [{"base": b, "temperature": float(t)} for b in "AB" for t in range(20, 70, 6)]

    few = {c: int(caution_of(spec_of(c, "seed: 1", steps), KNOWN).allows(x).sum()) for c in (0.85, 0.95, 0.99)}
    many = int(caution_of(spec_of(0.95, "seed: 1", steps), known).allows(x).sum())

    assert few[0.99] < few[0.95] < few[0.85] < len(x)
    assert many > few[0.95]


@pytest.mark.parametrize("more", ["", ", exact: true"])
def test_of_what_little_is_known_of_a_model_that_saw_no_danger_is_not_believed(more) -> None:
    alike = [{"base": "A", "temperature": 20.0 + 0.1 * i} for i in range(12)]  # all far below 5 bar
    text = TEXT.replace("cautious: CHANCE", f"cautious: CHANCE{more}")
    caution = caution_of(spec_of(more="seed: 1", text=text), alike)
    far = np.array([build_space(spec_of()).coordinates({"base": "C", "temperature": 120.0})])
    as_learnt = replace(caution, guards=tuple(replace(g, wider=1.0) for g in caution.guards))

    (careful,), (learnt,) = caution.chances(far)["pressure"], as_learnt.chances(far)["pressure"]

    assert learnt > 0.999
    assert careful < UNKNOWN + 0.1


def test_few_values_have_long_tails() -> None:
    spec = spec_of()
    situation = situation_of(spec, History(told(spec, KNOWN)), None, seed=0, experiments=9, purse=None)
    target, model = situation.objective.targets[1], situation.belief.models[1]

    tails = [Guard.of(target, model, np.linspace(1.0, 2.0, n)).tails for n in (2, 3, 10, 500)]

    assert tails == sorted(tails, reverse=True)
    assert tails[0] == pytest.approx(3.84, abs=0.01)  # Student's t of one degree of freedom at 0.95, over 1.645
    assert tails[-1] == pytest.approx(1.0, abs=0.01)


def test_the_leaning_of_a_climb_has_a_slope_at_the_edge_and_is_nothing_well_inside() -> None:
    spec = spec_of()
    caution = caution_of(spec, KNOWN)
    space = build_space(spec)
    temperatures = np.linspace(40, 119, 80)
    x = torch.from_numpy(np.array([space.coordinates({"base": "A", "temperature": t}) for t in temperatures]))
    edge = int(np.flatnonzero(~caution.allows(x.numpy()))[0])
    at = x[[0, edge, len(x) - 1]].clone().requires_grad_()

    worth = caution.leaning(at)
    (slope,) = torch.autograd.grad(worth.log().sum(), at)

    assert worth[0] > 0.9
    assert worth[2] < 1e-6
    assert slope[1, 1] < 0
    assert bool(torch.isfinite(slope).all())


def test_nothing_left_ends_it_and_says_what_lets_it_go_on() -> None:
    spec = spec_of(0.99, numbers="values: [30, 40, 118, 120]")
    every = [{"base": b, "temperature": float(t)} for b in "ABC" for t in (30, 40)]

    with pytest.raises(PoolExhausted) as said:
        plan(spec, History(told(spec, every)), seed=0, experiments=30)

    assert "or is not believed to keep pressure at most 5 bar with the chance that is asked (0.99)" in str(said.value)
    assert "pin what you know to keep it (hakken pin), lower cautious" in str(said.value)
    assert not isinstance(said.value, Unproven)


def test_a_pinned_candidate_runs_and_a_note_says_what_is_believed() -> None:
    spec = spec_of()
    x = build_space(spec).coordinates({"base": "C", "temperature": 110.0})
    history = History(told(spec, KNOWN), pinned=(Said(x, "try it"),))

    notes = plan(spec, history, seed=0, experiments=30).notes

    (note,) = [n for n in notes if "pinned" in n]
    assert note.startswith("C, temperature 110 degC, pinned")
    assert "is believed to keep pressure with a chance of 0." in note


def test_a_pinned_candidate_that_is_believed_to_keep_it_has_no_note() -> None:
    spec = spec_of(numbers=FIVES)
    space = build_space(spec)
    safe, bold = ({"base": b, "temperature": t} for b, t in (("A", 35.0), ("C", 110.0)))
    history = History(told(spec, KNOWN), pinned=tuple(Said(space.coordinates(s), "try it") for s in (safe, bold)))

    notes = plan(spec, history, seed=0, experiments=30).notes

    assert [n.partition(", pinned,")[0] for n in notes if "pinned" in n] == ["C, temperature 110 degC"]


def chosen(spec, arm, base, temperature):
    return Pick(build_space(spec).coordinates({"base": base, "temperature": temperature}), arm, "ei", None, "")


def test_what_was_chosen_and_does_not_keep_it_is_left_out_unless_a_person_names_it() -> None:
    spec = spec_of()
    s = situation_of(spec, History(told(spec, KNOWN)), None, seed=0, experiments=9, purse=None)
    safe, bold, hot = (chosen(spec, Arm.MODEL, b, t) for b, t in (("A", 35.0), ("C", 110.0), ("C", 115.0)))
    named = chosen(spec, Arm.MANUAL, "C", 120.0)
    picks = [safe, bold, hot, named]

    kept, notes = carefully(s, picks, picks)

    assert kept == [safe, named]
    assert notes == [
        "2 proposals left out: what was chosen is not believed to keep pressure at most 5 bar with the chance that is "
        "asked (0.95)"
    ]
    assert carefully(s, [safe], [safe]) == ([safe], [])
    with pytest.raises(PoolExhausted, match=r"whatever was chosen is not believed to keep pressure .*; tell results"):
        carefully(s, [bold, hot], [bold, hot])


def test_what_keeps_it_with_all_its_digits_alone_keeps_as_many_as_it_needs() -> None:
    spec = spec_of()
    s = situation_of(spec, History(told(spec, KNOWN)), None, seed=0, experiments=9, purse=None)
    line = [chosen(spec, Arm.MODEL, "A", t) for t in np.arange(50.0, 120.0, 0.01)]
    allowed = s.caution.allows(np.array([p.x for p in line]))
    beyond = int(np.flatnonzero(~allowed)[0])

    ((found,), notes) = carefully(s, [line[beyond]], [line[beyond - 1]])

    assert s.caution.allows(found.x[None]).all()
    assert found.x == pytest.approx(line[beyond - 1].x, abs=0.01)
    assert notes == []


def test_classes_are_kept_with_caution() -> None:
    text = TEXT.replace(
        "{goal: keep, at_most: 5, unit: bar, cautious", "{goal: keep, classes: [clogs, flows], cautious"
    )
    spec = spec_of(0.8, "initial: {first: [{base: A, temperature: 30}]}", FIVES, text)
    space = build_space(spec)
    rows = [(b, float(t)) for b in "ABC" for t in (20, 30, 40, 100, 110, 120)]
    seen = tuple(
        Observation(
            str(i),
            space.coordinates({"base": b, "temperature": t}),
            measured(**{"yield": t, "pressure": 1.0 if t < 70 else 0.0}),
        )
        for i, (b, t) in enumerate(rows)
    )

    found = plan(spec, History(seen), seed=0, experiments=9).proposals

    assert found
    assert max(p.candidate.settings["temperature"] for p in found) < 70


def test_a_derived_target_is_kept_with_caution_by_what_is_believed_of_its_parts() -> None:
    rows = [{"base": b, "temperature": float(t)} for b in "AB" for t in range(20, 121, 20)]
    doubled = "derived: {force: {expression: 2 * pressure, unit: bar, goal: keep, at_most: 10, cautious: CHANCE}}"
    text = TEXT.replace(", at_most: 5, unit: bar, cautious: CHANCE}", f", unit: bar}}\n{doubled}")
    plain, spec = spec_of(more="seed: 1"), spec_of(more="seed: 1", text=text)
    x = np.array([build_space(spec).coordinates({"base": "A", "temperature": t}) for t in (30.0, 118.0)])
    history = derived(spec, History(told(spec, rows)))

    caution = situation_of(spec, history, None, seed=0, experiments=9, purse=None).caution

    near, far = caution.chances(x)["force"]
    assert near > 0.99
    assert far == pytest.approx(caution_of(plain, rows).chances(x)["pressure"][1], abs=0.05)  # without tails


def test_levels_are_kept_with_caution_by_their_own_chances() -> None:
    text = TEXT.replace("at_most: 5, unit: bar", "levels: [1, 2, 3], at_most: 2")
    spec = spec_of(more="seed: 1", text=text)
    space = build_space(spec)
    seen = [({"base": b, "temperature": float(t)}, 1.0 + (t > 50) + (t > 90)) for b in "AB" for t in range(20, 121, 20)]
    history = History(
        tuple(
            Observation(str(i), space.coordinates(at), measured(**{"yield": 50.0 + i, "pressure": level}))
            for i, (at, level) in enumerate(seen)
        )
    )
    x = np.array([space.coordinates({"base": "A", "temperature": t}) for t in (30.0, 118.0)])

    caution = situation_of(spec, history, None, seed=0, experiments=9, purse=None).caution

    (guard,) = caution.guards
    assert (guard.wider, guard.tails) == (1.0, 1.0)  # of levels there is no scale to be doubted
    assert caution.allows(x).tolist() == [True, False]
    assert caution.chances(x)["pressure"] == hit_chance(guard.target, guard.model, torch.from_numpy(x)).tolist()


def test_first_comes_before_a_design_and_is_part_of_it() -> None:
    plain = TEXT.replace(", cautious: CHANCE", "")
    spec = spec_of(more=FIRST + ", seed: 3", text=plain.replace("batch: 3", "batch: 5"))

    first = plan(spec, History(), seed=0, experiments=30).proposals
    again = plan(spec, History(told(spec, KNOWN[:2])), seed=0, experiments=30).proposals

    assert [p.candidate.settings for p in first[:2]] == KNOWN[:2]
    assert len(first) == 5  # the design's five, these among them
    assert [p.run_order for p in first[:2]] == [0, 1]
    assert sorted(p.run_order for p in first[2:]) == [2, 3, 4]
    assert len(again) == 5  # of which two results tell too little
    assert all(p.candidate.settings not in KNOWN[:2] for p in again)


def test_first_is_run_whatever_was_told_but_not_twice() -> None:
    plain = TEXT.replace(", cautious: CHANCE", "")
    spec = spec_of(text=plain)
    others = [{"base": b, "temperature": float(t)} for b in "ABC" for t in (60, 80)]

    left = plan(spec, History(told(spec, [*others, KNOWN[0]])), seed=0, experiments=30).proposals
    running = History(
        told(spec, others), pending=tuple(Pending(str(i), o.x) for i, o in enumerate(told(spec, KNOWN[:2])))
    )
    none = plan(spec, running, seed=0, experiments=30).proposals

    assert [p.candidate.settings for p in left] == [KNOWN[1]]
    assert {p.arm for p in none} == {Arm.MODEL}


def test_named_candidates_are_always_allowed() -> None:
    named = np.array([[0.0, 1.0]])

    caution = Caution((), named)

    assert caution.allows(np.array([[0.0, 1.0], [0.0, 2.0]])).tolist() == [True, False]


def test_a_model_that_knows_no_prior_is_doubted_by_its_values() -> None:
    spec = spec_of(more="seed: 1, surrogate: trees", numbers=FIVES)
    rows = [{"base": b, "temperature": float(t)} for b in "AB" for t in range(20, 60, 10)]
    caution = caution_of(spec, rows)
    space = build_space(spec)
    x = np.array([space.coordinates({"base": "A", "temperature": t}) for t in (30.0, 120.0)])

    near, far = caution.chances(x)["pressure"]

    assert caution.guards[0].wider > 1.0
    assert near > 0.95
    assert far < near


def test_nothing_is_believed_to_keep_what_every_result_breaks(monkeypatch) -> None:
    monkeypatch.setitem(globals(), "pressure", lambda _: 9.0)
    spec = spec_of(chance=0.7, more="seed: 1, surrogate: trees", numbers=FIVES)
    rows = [{"base": b, "temperature": float(t)} for b in "AB" for t in range(20, 60, 10)]

    caution = caution_of(spec, rows)

    assert max(caution.chances(np.array([[0.0, 0.0], [2.0, 20.0]]))["pressure"]) < 0.5


def test_of_values_that_are_all_alike_a_model_that_knows_no_prior_is_believed_nowhere(monkeypatch) -> None:
    monkeypatch.setitem(globals(), "pressure", lambda _: 1.0)
    spec = spec_of(more="seed: 1, surrogate: trees", numbers=FIVES)
    rows = [{"base": b, "temperature": float(t)} for b in "AB" for t in range(20, 60, 10)]

    caution = caution_of(spec, rows)

    assert caution.chances(np.array([[0.0, 0.0], [2.0, 20.0]]))["pressure"] == [UNKNOWN, UNKNOWN]


def test_a_plate_begins_with_what_was_told_and_has_only_what_is_believed() -> None:
    text = TEXT.replace(
        "planner: {batch: 3, MORE}", "planner: {seed: 1}\nplate: {rows: 2, columns: 3, share: {base: row}}"
    )
    spec = spec_of(0.9, "", FIVES, text)
    caution = caution_of(spec, KNOWN)

    found = plan(spec, History(told(spec, KNOWN)), seed=0, experiments=30)
    with pytest.raises(Unproven) as said:
        plan(spec, History(), seed=0, experiments=30)

    x = np.array([build_space(spec).coordinates(p.candidate.settings) for p in found.proposals])
    assert len(x) > 1
    assert caution.allows(x).all()
    assert any(
        "untried candidates are believed to keep pressure at most 5 bar with a chance of 0.9" in n for n in found.notes
    )
    assert "planner.initial.first" not in str(said.value)


def test_parts_of_a_mixture_that_nothing_is_left_for_need_not_be_named() -> None:
    text = TEXT.replace("base: {type: category, options: [A, B, C]}", "s: {type: mixture, parts: [water, DMSO, MeOH]}")
    more = "initial: {first: [{s.water: 0.5, s.DMSO: 0.5, temperature: 30}]}"

    (first, *_) = plan(spec_of(more=more, text=text), History(), seed=0, experiments=30).proposals

    assert first.candidate.settings == {"s.water": 0.5, "s.DMSO": 0.5, "s.MeOH": 0.0, "temperature": 30.0}
