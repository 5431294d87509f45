"""Targets with two classes: labels learnt as numbers, read as chances by what was held of labels not seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, alcohol_yield, measured, observe, reaction_spec, run_rounds
from scipy.optimize import minimize

from loop.classes import Classes
from loop.costs import Purse
from loop.errors import ObjectiveError, OutcomeError
from loop.history import History
from loop.insight.nearest import misses
from loop.memory.earlier import Earlier
from loop.memory.hints import hints_of
from loop.objective import CLASSES, Goal, Objective, Target
from loop.outcome import read_outcome
from loop.planner import plan
from loop.spec import CampaignSpec, build_objective, build_space
from loop.surrogates import classes
from loop.surrogates.classes import Classified, FittedClasses, Reading, for_classes
from loop.surrogates.gnn.training import Settings
from loop.surrogates.levels import chance_of, hits_in_draws
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

OBJECTIVE = {"activity": {"goal": "maximize", "classes": ["inactive", "active"]}}
TRUTH = torch.tensor([float(alcohol_yield(SPACE.settings(x.numpy())) > 55) for x in EVERYTHING], dtype=torch.float64)


def training(n: int = 18, seed: int = 1) -> TrainingSet:
    rows = torch.randperm(30, generator=torch.Generator().manual_seed(seed))[:n]
    return TrainingSet(EVERYTHING[rows], TRUTH[rows], torch.full((n,), math.nan, dtype=torch.float64))


@pytest.fixture(params=["gp", "tanimoto", "fingerprints", "trees", "ard", "committee"])
def fitted(request):
    return for_classes(surrogate(request.param, SPACE)).fit(SPACE, training(), seed=0)


def test_means_are_chances_and_both_classes_share_one(fitted):
    hit, miss = (chance_of(fitted, EVERYTHING, k) for k in (-1, 0))
    mean, sd = fitted.moments(EVERYTHING)

    torch.testing.assert_close(hit + miss, torch.ones(30, dtype=torch.float64))
    torch.testing.assert_close(mean, hit)
    assert bool(((hit > 0) & (hit < 1) & (sd > 0)).all())
    # a label scatters by sqrt(p (1 - p)) about its chance, whatever part of that the model does not know
    total = (sd.square() + fitted.noise_at(EVERYTHING).square()).sqrt()
    torch.testing.assert_close(total, (hit * miss).sqrt(), rtol=1e-3, atol=1e-4)


def test_what_was_not_seen_is_told_better_than_by_the_rate(fitted):
    unseen = ~(EVERYTHING[:, None] == training().x[None]).all(-1).any(1)
    chance = chance_of(fitted, EVERYTHING, -1)[unseen]
    rate = training().y.mean()

    assert float((chance - TRUTH[unseen]).square().mean()) < float((rate - TRUTH[unseen]).square().mean())


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_reading_is_the_most_probable_line(is_weighted):
    generator = torch.Generator().manual_seed(0)
    mean = torch.rand(200, generator=generator, dtype=torch.float64) * 0.6 - 0.1
    labels = (torch.rand(200, generator=generator, dtype=torch.float64) < mean.clamp(0.02, 1)).double()
    weights = torch.linspace(0.2, 3.0, 200, dtype=torch.float64) if is_weighted else None
    reading = Reading.of(mean, labels, weights)

    counts = 1.0 if weights is None else weights.numpy()
    hits, n = float(labels.sum()), 200
    odds = torch.logit(classes._rounded(mean, (hits + 1) / (n + 2))).numpy()
    wanted = np.where(labels.numpy() > 0.5, (hits + 1) / (hits + 2), 1 / (n - hits + 2))

    def loss(line):  # independent of the Newton steps: scipy's own search
        at = line[0] + line[1] * odds
        prior = 0.5 * (line[0] / classes.SHIFT_SD) ** 2 + 0.5 * ((line[1] - 1) / classes.SLOPE_SD) ** 2
        return float((counts * (np.logaddexp(0, at) - wanted * at)).sum() + prior)

    assert [reading.shift, reading.slope] == pytest.approx(minimize(loss, [0.0, 1.0]).x.tolist(), abs=1e-4)


def test_chances_add_up_to_the_hits_that_were_held_out():
    generator = torch.Generator().manual_seed(3)
    mean = torch.rand(400, generator=generator, dtype=torch.float64) * 0.5
    labels = (torch.rand(400, generator=generator, dtype=torch.float64) < mean.square()).double()  # overrated

    reading = Reading.of(mean, labels)

    assert float(reading.chance(mean).sum()) == pytest.approx(float(labels.sum()), rel=0.1)
    assert float(mean.sum()) > 2 * float(labels.sum())


def test_labels_count_by_what_is_like_them_among_the_candidates():
    generator = torch.Generator().manual_seed(5)
    candidates = 0.1 * torch.rand(4000, generator=generator, dtype=torch.float64)
    chosen = 0.1 + 0.7 * torch.rand(300, generator=generator, dtype=torch.float64)  # by the model: most look like hits
    labels = torch.cat([candidates[:100], chosen])

    weights = classes.likeness(labels, candidates)

    assert float(weights.mean()) == pytest.approx(1.0)
    assert classes.MOST < float(weights.max() / weights.min()) <= classes.MOST**2 + 1e-9
    assert float(weights[:100].min()) > float(weights[labels > 0.4].max())
    assert bool((classes.likeness(labels, labels) == 1.0).all())
    assert bool((classes.likeness(torch.full((9,), 0.3, dtype=torch.float64), candidates) == 1.0).all())
    assert bool((classes.likeness(labels, candidates[:0]) == 1.0).all())


def test_hits_of_what_was_not_chosen_are_expected_as_they_are():
    """Most labels that a model chose have high means; those of the candidates are low, and say less than the line."""
    generator = torch.Generator().manual_seed(6)

    def drawn(mean):
        steep = torch.where(mean < 0.2, 0.1 * mean, mean)
        return (torch.rand(len(mean), generator=generator, dtype=torch.float64) < steep).double()

    candidates = 0.2 * torch.rand(4000, generator=generator, dtype=torch.float64)
    mean = torch.cat([candidates[:400], torch.rand(1200, generator=generator, dtype=torch.float64)])
    labels, there = drawn(mean), float(drawn(candidates).sum())

    evenly = float(Reading.of(mean, labels).chance(candidates).sum())
    by_likeness = float(Reading.of(mean, labels, classes.likeness(mean, candidates)).chance(candidates).sum())
    assert there < by_likeness < evenly


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_alone_is_believed_no_further_than_it_goes(label):
    data = replace(training(12), y=torch.full((12,), label, dtype=torch.float64))
    fitted = for_classes(surrogate("tanimoto", SPACE)).fit(SPACE, data, seed=0)

    chance = fitted.moments(EVERYTHING)[0]
    assert bool(((chance - label).abs() < 0.35).all())
    assert bool(((chance > 0.001) & (chance < 0.999)).all())


def test_more_of_the_mean_is_never_less_of_a_chance():
    mean = torch.linspace(-1, 2, 50, dtype=torch.float64)
    upside_down = Reading.of(mean, (mean < 0).double())

    assert upside_down.slope >= 0
    assert bool((upside_down.chance(mean).diff() >= 0).all())


def test_held_out_labels_are_weighed_by_their_chance():
    fitted = Classified(surrogate("tanimoto", SPACE)).fit(SPACE, training(), seed=0)
    chance = fitted.reading.chance(fitted.latent.left_out()[0])

    assert isinstance(fitted, FittedClasses)
    expected = torch.where(training().y > 0.5, chance, 1 - chance).log()
    torch.testing.assert_close(fitted.held_out(), expected)
    assert fitted.summary()["reading"]["rate"] == pytest.approx((float(training().y.sum()) + 1) / 20)


def test_draws_are_chances_too(fitted):
    draws = fitted.samples(EVERYTHING, 64, seed=1)

    assert draws.shape == (64, 30)
    assert bool(((draws >= 0) & (draws <= 1)).all())
    if isinstance(fitted, FittedClasses):
        hit, miss = (hits_in_draws(fitted, EVERYTHING, 8, k, seed=1) for k in (1, 0))
        torch.testing.assert_close(hit + miss, torch.ones(8, 30, dtype=torch.float64))
        assert hits_in_draws(fitted, EVERYTHING, 0, -1, seed=1).shape == (0, 30)


def test_a_committee_is_calibrated_by_the_readings_of_its_members():
    recipe = replace(surrogate(["tanimoto", "trees"], SPACE), calibrates=True)
    fitted = for_classes(recipe).fit(SPACE, training(), seed=0)

    assert fitted.widening == 1.0
    parts = [w * chance_of(m, EVERYTHING, -1) for w, m in zip(fitted.weights, fitted.members, strict=True)]
    torch.testing.assert_close(chance_of(fitted, EVERYTHING, -1), torch.stack(parts).sum(0))


def test_graph_networks_learn_them_too():
    recipe = replace(surrogate("gin", SPACE), settings=Settings(epochs=2, more_epochs=1, least_steps=1, more_steps=1))
    fitted = for_classes(recipe).fit(SPACE, training(), seed=0)

    assert isinstance(fitted, FittedClasses)
    assert bool(((chance := fitted.moments(EVERYTHING)[0]) > 0).all() and (chance < 1).all())


def test_what_cannot_say_what_it_left_out_is_refused():
    class Silent:
        name, needs = "silent", 1

        def fit(self, *_, **__):
            return object()

    with pytest.raises(TypeError, match="'silent' does not say what it held of labels that it had not seen"):
        Classified(Silent()).fit(SPACE, training(), seed=0)


@pytest.mark.parametrize("value", ["active", "Active", " ACTIVE ", 1, 1.0])
def test_a_result_is_told_by_its_word_or_number(value):
    payload = {"outcome": "measured", "values": [{"property": "activity", "value": value}]}
    outcome = read_outcome(payload, {"activity": ""}, {"activity": CLASSES}, {"activity": ("inactive", "active")})

    assert outcome.measurements[0].canonical == 1.0


@pytest.mark.parametrize(
    ("value", "qualifier", "message"),
    [
        ("actve", "=", r"'actve' is none of its classes inactive, active \(did you mean 'active'\?\); report one"),
        (True, "=", "True is none of its classes inactive, active; report one of them, or 0 or 1"),
        (0.5, "=", "0.5 is none of its classes inactive, active; report one of them"),
        ("active", "<", "a class has no limits, got '<'; report it as it is"),
    ],
)
def test_what_is_no_class_is_refused(value, qualifier, message):
    payload = {"outcome": "measured", "values": [{"property": "activity", "value": value, "qualifier": qualifier}]}
    with pytest.raises(OutcomeError, match=message):
        read_outcome(payload, {"activity": ""}, {"activity": CLASSES}, {"activity": ("inactive", "active")})


FORMS = Classes(("amorphous", "form II", "form I"))


def form(value):
    payload = {"outcome": "measured", "values": [{"property": "form", "value": value}]}
    return read_outcome(payload, {"form": ""}, {"form": FORMS.numbers}, {"form": FORMS}).measurements[0]


def test_of_several_classes_the_last_counts_and_each_keeps_its_word():
    target = Target("form", Goal.MAXIMIZE, levels=CLASSES, classes=FORMS)
    told = [form(word) for word in ("Amorphous", "form ii", "form I")]

    assert [m.canonical for m in told] == [0.0, 0.0, 1.0]
    assert [target.told(m) for m in told] == list(FORMS)
    assert [target.shown(v) for v in CLASSES] == ["not form I", "form I"]


def test_a_word_put_in_front_changes_none_that_is_on_record():
    more = Classes(("form III", *FORMS))

    assert [more.word(FORMS.number(word)) for word in FORMS] == list(FORMS)
    assert Classes(("inactive", "active")).numbers == CLASSES


@pytest.mark.parametrize("value", [0, 1, 1.0, -1.0, "1"])
def test_no_number_stands_for_one_of_several_classes(value):
    with pytest.raises(OutcomeError, match=r"is none of its classes amorphous, form II, form I; report one of them$"):
        form(value)


def test_a_class_that_is_to_be_kept_is_a_threshold():
    kept = Target("form", Goal.KEEP, levels=CLASSES, classes=FORMS)
    purity = Target("purity", Goal.MAXIMIZE, unit="%")
    rows = [{"form": 0.0, "purity": 99.0}, {"form": 1.0, "purity": 80.0}, {"form": 1.0, "purity": 85.0}]

    assert Objective((kept, purity)).best(rows) == (2,)
    assert (kept.meets(0.4), kept.meets(0.6)) == (False, True)
    assert misses(Objective((kept, purity)), rows[0]) == "form not form I, and form I is wanted"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"classes": ("active",)},
            r"two or more different words, the one that is looked for last, got \['active'\]",
        ),
        ({"classes": ("Active", "active")}, "two or more different words"),
        ({"classes": ("0", "1")}, r"classes are words, got \['0', '1'\]; for numbers write levels: \[0, 1\]"),
        (
            {"goal": Goal.MINIMIZE},
            r"write goal: maximize, or keep .* classes: \[active, inactive\] where 'inactive' is wanted",
        ),
        ({"at_least": 1.0}, "leave out unit, levels, low, high, thresholds and desirable"),
        ({"levels": (0.0, 2.0)}, "leave out unit, levels"),
    ],
)
def test_classes_that_cannot_be_are_refused(changes, message):
    sound = {"goal": Goal.MAXIMIZE, "levels": CLASSES, "classes": ("inactive", "active")}
    with pytest.raises(ObjectiveError, match=message):
        Target("activity", **(sound | changes))


def test_a_hit_is_of_the_class_that_is_wanted_and_keeps_every_threshold():
    active = Target("activity", Goal.MAXIMIZE, levels=CLASSES, classes=("inactive", "active"))
    soluble = Target("solubility", Goal.MAXIMIZE, at_least=-4.0)
    both = Objective((active, soluble))

    assert both.is_hit({"activity": 1.0, "solubility": -3.0}) is True
    assert both.is_hit({"activity": 0.0}) is False
    assert both.is_hit({"activity": 1.0}) is None
    assert (active.shown(1.0), active.shown(0.5), soluble.shown(1.0)) == ("active", None, None)
    assert (both.tells_hits, both.has_classes) == (True, False)


def test_a_campaign_finds_its_hits_sooner_than_by_chance():
    spec = reaction_spec(OBJECTIVE, batch=2, initial={"design": "random", "experiments": 6})

    history, plans = run_rounds(spec, lambda s: measured(activity=float(alcohol_yield(s) > 55)), 5, seed=3)
    chosen = [o.outcome.measurements[0].value for o in history.observations][6:]

    assert {p.acquisition for p in plans[-1].proposals} == {"hits"}
    assert sum(chosen) / len(chosen) > 1.5 * float(TRUTH.mean())
    assert "active with a chance of" in plans[-1].proposals[0].reason
    assert any("hits expected of the" in note for note in plans[-1].notes)
    assert "hits of" in plans[-1].model["believed_best"]


def test_of_a_batch_that_the_budget_cuts_the_hits_of_what_is_left_are_expected():
    spec = reaction_spec(OBJECTIVE, batch=6, initial={"design": "random", "experiments": 6})
    spec = CampaignSpec.from_resolved({**spec.resolved(), "costs": {"experiment": 10}})
    history, _ = run_rounds(spec, lambda s: measured(activity=float(alcohol_yield(s) > 55)), 2, seed=3)

    found = plan(spec, history, seed=0, experiments=9, purse=Purse(20.0))

    assert len(found.proposals) == 2
    hoped = sum(p.acquisition_value for p in found.proposals)
    assert f"{hoped:.1f} hits expected of those that it pays for" in found.notes


def test_other_acquisitions_take_classes_too():
    for acquisition in ("search", "improvement", "thompson", "top", "exploration", "ucb"):
        spec = reaction_spec(OBJECTIVE, acquisition=acquisition)
        history = History(
            tuple(
                observe(spec, (s := SPACE.settings(x.numpy())), measured(activity=float(alcohol_yield(s) > 55)), str(i))
                for i, x in enumerate(EVERYTHING[::3])
            )
        )

        assert len(plan(spec, history, seed=0, experiments=3).proposals) == 3


def test_sources_are_not_heard_on_classes_and_a_note_says_so():
    spec = reaction_spec(OBJECTIVE)
    source = Earlier("old", spec, History(()))

    found, notes = hints_of(spec, build_space(spec), build_objective(spec), [source])

    assert not found
    assert notes == ("source 'old' is not heard on activity: sources tell numbers, and it has classes",)
