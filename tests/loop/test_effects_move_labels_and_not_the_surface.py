"""Plates, days, instruments and humidity: what they add is told apart from the surface, and told with its doubt."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, alcohol_yield, measured, observe, reaction_spec

from loop.belief import learn, predictions_of
from loop.circumstances import read_actual, read_context, read_expense
from loop.costs import Expense
from loop.history import History
from loop.insight.best import honest_best
from loop.insight.predicting import predict
from loop.planner import plan
from loop.record import Arm, ObservationRecord
from loop.space import Category, Continuous, Space
from loop.spec import CampaignSpec, beside_of, build_objective, build_space, declared_of
from loop.surrogates.effects import effects_said
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.inducing import OF_VERSIONS
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation
from loop.training import regression_table

TRUTH = torch.tensor([alcohol_yield(SPACE.settings(x.numpy())) for x in EVERYTHING], dtype=torch.float64)
OFFSETS = torch.tensor([0.0, 15.0, -10.0, 3.0], dtype=torch.float64)
RECIPE = GaussianProcess("gp", Representation.ONE_HOT)


def plates(offsets=OFFSETS, seed=0, n=48):
    """Values on four plates of twelve wells; the first three wells of each hold one condition (controls)."""
    rng = np.random.default_rng(seed)
    rows, plate = torch.from_numpy(rng.integers(0, 30, n)), torch.arange(n) // 12
    rows[torch.arange(n) % 12 < 3] = 7
    noise = torch.from_numpy(rng.normal(0, 2, n))
    y = TRUTH[rows] + offsets[plate] + noise
    labels = tuple(f"P{p}" for p in plate.tolist())
    return TrainingSet(EVERYTHING[rows], y, torch.full_like(y, math.nan), effects={"plate": labels})


def centred(fitted):
    error = fitted.moments(EVERYTHING)[0] - TRUTH
    return float((error - error.mean()).square().mean().sqrt())


@pytest.mark.parametrize("name", ["gp", "tanimoto", "ard", "trees"])
def test_the_surface_is_seen_through_the_plates(name):
    data = plates(OFFSETS * 2)
    recipe = surrogate(name, SPACE)

    told = recipe.fit(SPACE, data, seed=0)
    blind = recipe.fit(SPACE, replace(data, effects={}), seed=0)

    assert centred(told) < 0.8 * centred(blind)
    assert float(told.held_out().mean()) > float(blind.held_out().mean())


@pytest.mark.parametrize("name", ["ard", "trees"])
def test_it_is_so_too_where_more_versions_were_measured_than_are_learnt_together(name):
    space = Space((Continuous("a", 0.0, 1.0), Category("method", ("rough", "true"), is_fidelity=True)))
    rng = np.random.default_rng(0)
    n = OF_VERSIONS + 40
    x = torch.from_numpy(np.column_stack([rng.uniform(size=n), np.arange(n) < 20]))
    days, surface = rng.integers(0, 2, n), torch.sin(6 * x[:, 0])
    y = surface + 3.0 * torch.from_numpy(days) + 0.1 * torch.from_numpy(rng.normal(size=n))
    labels = tuple("ab"[d] for d in days)
    data = TrainingSet(x, y, torch.full_like(y, math.nan), effects={"day": labels})

    fitted = surrogate(name, space).fit(space, data, seed=0)

    told = fitted.summary()["effects"]["day"]["labels"]
    assert told["b"][0] - told["a"][0] == pytest.approx(3.0, abs=0.1)
    error = fitted.moments(x)[0] - surface
    assert float((error - error.mean()).square().mean().sqrt()) < 0.2


def test_each_plate_is_told_with_its_doubt():
    labels = RECIPE.fit(SPACE, plates(), seed=0).summary()["effects"]["plate"]["labels"]

    against_first = {name: mean - labels["P0"][0] for name, (mean, _) in labels.items()}

    for name, offset in zip(labels, OFFSETS.tolist(), strict=True):
        assert against_first[name] == pytest.approx(offset, abs=3.0)  # of 12 values with noise 2: three errors
        assert 0 < labels[name][1] < 10


def test_moving_a_plate_moves_its_effect_and_not_the_surface():
    moved = OFFSETS + torch.tensor([0.0, 8.0, 0.0, -8.0], dtype=torch.float64)
    first, second = RECIPE.fit(SPACE, plates(), seed=0), RECIPE.fit(SPACE, plates(moved), seed=0)
    before, after = (f.summary()["effects"]["plate"]["labels"] for f in (first, second))

    assert after["P1"][0] - before["P1"][0] == pytest.approx(8.0, abs=1.5)
    assert after["P3"][0] - before["P3"][0] == pytest.approx(-8.0, abs=1.5)
    shift = second.moments(EVERYTHING)[0] - first.moments(EVERYTHING)[0]
    assert float(shift.abs().max()) < 2.5


def test_plates_that_add_nothing_are_told_so():
    effect = RECIPE.fit(SPACE, plates(torch.zeros(4, dtype=torch.float64)), seed=0).summary()["effects"]["plate"]

    assert effect["sd"] < 1.5
    assert all(abs(mean) < 1.5 for mean, _ in effect["labels"].values())


def test_labels_that_cannot_be_told_apart_are_told_with_the_doubt_that_is_left():
    few, many = (
        RECIPE.fit(SPACE, plates(torch.zeros(4, dtype=torch.float64), seed=2, n=n), seed=0).summary() for n in (24, 48)
    )
    doubt = []
    for summary in (few, many):
        effect = summary["effects"]["plate"]
        assert effect["sd"] == 0.0  # the likeliest
        doubt.append(max(sd for _, sd in effect["labels"].values()))

    assert doubt[0] > doubt[1] > 0.1  # of values with noise 2


def test_a_note_says_that_labels_cannot_be_told_apart():
    said = effects_said(
        "yield", "%", RECIPE.fit(SPACE, plates(torch.zeros(4, dtype=torch.float64), seed=2, n=24), seed=0)
    )

    assert len(said) == 1
    assert "the results cannot tell these apart (likeliest is that plate adds nothing)" in said[0]
    assert "± 0 " not in said[0]
    assert "cannot tell" not in effects_said("yield", "%", RECIPE.fit(SPACE, plates(), seed=0))[0]


def test_the_posterior_is_that_of_dense_algebra():
    data = plates()
    fitted = RECIPE.fit(SPACE, data, seed=0)
    details = fitted.summary()
    same = torch.tensor([[a == b for b in data.effects["plate"]] for a in data.effects["plate"]], dtype=torch.float64)
    y, cross = (data.y - fitted.shift) / fitted.scale, fitted.kernel(EVERYTHING, data.x)
    unit = torch.eye(48, dtype=torch.float64)

    def under(told):
        variance = (details["effects"]["plate"][told] / fitted.scale) ** 2
        return variance, fitted.kernel(data.x, data.x) + variance * same + fitted.noise_variance * unit

    likeliest, k = under("sd")
    mean = cross @ torch.linalg.solve(k, y) * fitted.scale + fitted.shift
    on_first = likeliest * same[0] @ torch.linalg.solve(k, y) * fitted.scale
    expected, k = under("expected")
    variance = fitted.prior_variance - (cross * torch.linalg.solve(k, cross.T).T).sum(-1)
    doubt = expected - expected**2 * same[0] @ torch.linalg.solve(k, same[0])
    found, sd = fitted.moments(EVERYTHING)
    label = details["effects"]["plate"]["labels"]["P0"]

    assert expected > likeliest
    torch.testing.assert_close(found, mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(sd, variance.sqrt() * fitted.scale, rtol=1e-6, atol=1e-6)
    assert label == pytest.approx([float(on_first), float(doubt.sqrt()) * fitted.scale], abs=1e-6)


def test_what_plates_leave_in_doubt_is_beside_what_is_expected(monkeypatch):
    """Skimmed and joint beliefs, and scaled ones, say the same as single points do."""
    recipe = replace(RECIPE, calibrates=True)
    fitted = recipe.fit(SPACE, plates(), seed=0)
    mean, sd = fitted.moments(EVERYTHING)
    plain = RECIPE.fit(SPACE, plates(), seed=0)

    torch.testing.assert_close(fitted.joint(EVERYTHING)[0], mean)
    torch.testing.assert_close(plain.moments(EVERYTHING)[0], mean)
    torch.testing.assert_close(plain.moments(EVERYTHING)[1] * math.sqrt(fitted.details["widening"]), sd)
    monkeypatch.setattr("loop.surrogates.exact.SKIMMED", 1)
    skimmed = fitted.skimmed(EVERYTHING)
    torch.testing.assert_close(skimmed[0], mean, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(skimmed[1], sd, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", ["ard", "trees"])
def test_plates_leave_the_surface_in_doubt_of_recipes_that_have_no_effects_themselves(name):
    """The mean of what two plates add is as much in doubt as that of their deviation, whatever is known besides."""
    space = Space((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)))
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.uniform(size=(32, 2)))
    surface = torch.sin(4 * x[:, 0]) + x[:, 1]
    plate = np.arange(32) % 2
    y = surface + torch.tensor([-1.0, 1.0], dtype=torch.float64)[plate] + 0.05 * torch.from_numpy(rng.normal(size=32))
    data = TrainingSet(x, y, torch.full_like(y, math.nan), effects={"plate": tuple(f"P{p}" for p in plate)})

    fitted = surrogate(name, space).fit(space, data, seed=0)
    blind = surrogate(name, space).fit(space, replace(data, y=surface, effects={}), seed=0)

    expected = fitted.summary()["effects"]["plate"]["expected"]
    mean, sd = fitted.moments(x)
    level = expected / math.sqrt(2)
    assert expected > 1.0
    assert float(sd.min()) > 0.8 * level
    assert float(sd.square().mean().sqrt()) < math.hypot(1.1 * level, 2 * float(blind.moments(x)[1].max()))
    draws = fitted.samples(x, 2048, seed=0)
    torch.testing.assert_close(draws.std(0), sd, rtol=0.2, atol=0.0)
    assert float(draws.mean(1).std()) > 0.8 * level  # they are off together
    covariance = fitted.model().posterior(x).mvn.covariance_matrix
    torch.testing.assert_close(covariance.diagonal().sqrt(), sd, rtol=0.05, atol=0.0)
    assert float((mean - surface - (mean - surface).mean()).square().mean().sqrt()) < 0.4


@pytest.mark.parametrize("deviation", [1.5, 0.0])
def test_two_plates_leave_the_surface_in_as_much_doubt_as_they_do(deviation):
    """Surfaces, plates and noise from what is believed of them: 90 % intervals were to hold 90 % of the truth."""
    options = [torch.nn.functional.one_hot(EVERYTHING[:, c].long()).double() for c in (0, 1)]
    places = torch.cat([*options, (EVERYTHING[:, 2:] - 20.0) / 40.0], dim=1)
    r = math.sqrt(5.0) * torch.cdist(places, places) / 4.0
    covariance = (1.0 + r + r.square() / 3.0) * (-r).exp() + 1e-8 * torch.eye(30, dtype=torch.float64)
    factor = torch.linalg.cholesky(covariance)
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = 5.0 + 2.0 * factor @ torch.from_numpy(rng.normal(size=30))
        rows = torch.from_numpy(rng.permutation(30)[:16])
        plate = np.arange(16) // 8
        y = truth[rows] + torch.from_numpy(deviation * rng.normal(size=2)[plate] + 0.5 * rng.normal(size=16))
        labels = tuple(f"P{p}" for p in plate)
        data = TrainingSet(EVERYTHING[rows], y, torch.full_like(y, math.nan), effects={"plate": labels})
        mean, sd = RECIPE.fit(SPACE, data, seed=0).moments(EVERYTHING)
        held.append(float(((truth - mean).abs() < 1.645 * sd).double().mean()))

    assert 0.8 < np.mean(held) < 0.97  # 0.73 and 0.72 were their variance the likeliest


def test_a_recorded_number_is_set_to_its_recent_median():
    rng = np.random.default_rng(3)
    rows = torch.from_numpy(rng.integers(0, 30, 60))
    humidity = rng.normal(40, 5, 60)
    humidity[-10:] = 50.0
    y = TRUTH[rows] - 0.8 * torch.from_numpy(humidity - 40.0) + torch.from_numpy(rng.normal(0, 1, 60))
    data = TrainingSet(
        EVERYTHING[rows], y, torch.full_like(y, math.nan), effects={"humidity": tuple(humidity.tolist())}
    )

    fitted = RECIPE.fit(SPACE, data, seed=0)

    assert float((fitted.moments(EVERYTHING)[0] - TRUTH).mean()) == pytest.approx(-8.0, abs=1.5)


def test_the_best_and_predictions_say_for_which_recorded_number_they_hold():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "electrolyte",
            "space": {"salt": {"type": "number", "values": [1, 2, 3, 4]}, "bath": {"type": "context", "unit": "degC"}},
            "objective": {"conductivity": {"goal": "maximize"}},
            "planner": {"surrogate": "gp"},
            "noise": {"effects": ["bath"]},
            "budget": {"experiments": 20},
            "laboratory": {"adapter": "manual"},
        }
    )
    seen = [
        replace(observe(spec, {"salt": salt}, measured(conductivity=salt + bath / 10), f"o{i}"), context={"bath": bath})
        for i, (salt, bath) in enumerate(((1, 25.0), (2, 60.0), (3, 25.0), (4, 60.0), (4, 25.0)))
    ]
    history = History(tuple(seen))

    found = honest_best(spec, history, seed=0)
    asked = predict(spec, history, build_space(spec).coordinates({"salt": 2})[None], seed=0)

    said = "what is believed is for bath 25 degC, the median of its latest results"
    assert said in found.notes
    assert said in asked.notes


@pytest.mark.parametrize(("baths", "said"), [((25.0, 60.0) * 3, 1), ((25.0, 24.0, 26.0, 25.5, 24.8, 60.0), 0)])
def test_a_recorded_number_that_was_set_to_few_values_is_said_to_be_better_a_number_of_the_space(baths, said):
    spec = reaction_spec(surrogate="gp")
    spec = spec.from_resolved(
        {
            **spec.resolved(),
            "space": {**spec.resolved()["space"], "bath": {"type": "context", "unit": "degC"}},
            "noise": {"effects": ["bath"]},
        }
    )
    seen = []
    for i, bath in enumerate(baths):
        settings = SPACE.settings(EVERYTHING[4 * i].numpy())
        outcome = measured(**{"yield": alcohol_yield(settings)})
        seen.append(replace(observe(spec, settings, outcome, f"o{i}"), context={"bath": bath}))

    found = honest_best(spec, History(tuple(seen)), seed=0)

    assert len([n for n in found.notes if n.startswith("bath was 25 or 60 each time, so that median may be")]) == said


def test_instruments_that_differ_by_much_more_than_they_scatter_make_no_noise():
    rng = np.random.default_rng(1)
    rows = torch.from_numpy(rng.integers(0, 30, 48))
    far = torch.tensor([0.0, 200.0, -150.0, 80.0], dtype=torch.float64)[torch.arange(48) % 4]
    y = TRUTH[rows] + far + torch.from_numpy(rng.normal(0, 1, 48))
    labels = tuple("ABCD" * 12)
    data = TrainingSet(EVERYTHING[rows], y, torch.full_like(y, math.nan), effects={"instrument": labels})

    fitted = RECIPE.fit(SPACE, data, seed=0)

    assert fitted.noise_sd < 3.0  # 1 in truth; where an effect may vary by 5.5 times as much at most, 7
    assert fitted.details["effects"]["instrument"]["sd"] > 50.0


def test_labels_are_in_as_much_doubt_as_the_surface_where_left_out_values_decide_it():
    data = plates()
    recipe = replace(RECIPE, calibrates=True)

    plain, wide = RECIPE.fit(SPACE, data, seed=0).details, recipe.fit(SPACE, data, seed=0).details

    root = math.sqrt(wide["widening"])
    was, now = plain["effects"]["plate"], wide["effects"]["plate"]
    assert abs(root - 1.0) > 0.01
    assert now["sd"] == pytest.approx(root * was["sd"])
    for label, (mean, sd) in was["labels"].items():
        assert now["labels"][label] == pytest.approx([mean, root * sd])


def test_limits_and_plates_go_together():
    data = plates()
    hidden = data.y > 50.0
    y = torch.where(hidden, torch.full_like(data.y, 50.0), data.y)
    limited = replace(data, y=y, low=y, high=torch.where(hidden, torch.full_like(y, math.inf), y))

    fitted = RECIPE.fit(SPACE, limited, seed=0)
    clipped = RECIPE.fit(SPACE, replace(data, y=y), seed=0)

    assert centred(fitted) < 0.6 * centred(clipped)
    assert torch.isfinite(fitted.held_out()).all()


def test_wells_tell_rows_and_columns_and_times_tell_days():
    found, notes = read_context({"well": "B03", "day": "2026-11-24T09:30:00", "plate": 7, "raw": {"a": 1}}, {})

    assert found == {"well": "B03", "day": "2026-11-24", "plate": "7", "row": "B", "column": "3"}
    assert notes == ()


def test_context_that_is_not_as_declared_is_noted_and_not_used():
    declared = {"lot": ("A", "B"), "humidity": None}

    found, notes = read_context({"lot": "C", "humidity": "damp"}, declared)

    assert found == {}
    assert "context 'lot' = 'C' is none of A, B" in notes[0]
    assert "context 'humidity' must be a number, got 'damp'; it is kept" in notes[1]
    _, (comma,) = read_context({"humidity": "45,5"}, declared)
    assert "got '45,5' (a number has a point as decimal sign); it is kept and not used" in comma


def test_context_without_options_and_unit_is_any_text():
    said = reaction_spec().resolved()
    said["space"]["vial"] = {"type": "context"}
    said["space"]["humidity"] = {"type": "context", "unit": ""}
    spec = CampaignSpec.from_resolved(said)

    text, none = read_context({"vial": "Müller, J."}, declared_of(spec))
    number, _ = read_context({"vial": 7, "humidity": "0.4"}, declared_of(spec))
    _, (note,) = read_context({"vial": {"a": 1}}, declared_of(spec))

    assert (text, none) == ({"vial": "Müller, J."}, ())
    assert number == {"vial": "7", "humidity": 0.4}
    assert note == "context 'vial' must be text or a finite number, got {'a': 1}; it is kept and not used"
    assert beside_of(spec) == {"vial": None, "humidity": ""}


def test_the_round_tells_the_effects_that_were_asked_for():
    spec = reaction_spec(initial={"experiments": 10})
    spec = spec.from_resolved({**spec.resolved(), "noise": {"effects": ["plate", "operator"]}})
    seen = []
    for i, x in enumerate(EVERYTHING[:24]):
        settings = SPACE.settings(x.numpy())
        outcome = measured(**{"yield": alcohol_yield(settings) + 12.0 * (i % 2)})
        seen.append(replace(observe(spec, settings, outcome, f"o{i:02}"), context={"plate": f"P{i % 2}"}))

    made = plan(spec, History(tuple(seen)), seed=0, experiments=9)

    members = made.model["targets"]["yield"]["members"]
    labels = members["gp"]["effects"]["plate"]["labels"]
    assert labels["P1"][0] - labels["P0"][0] == pytest.approx(12.0, abs=3.0)
    assert any("effect 'operator' cannot be told" in note for note in made.notes)
    assert any(note.startswith("yield by plate: P0 -") and "P1 +" in note for note in made.notes)


@pytest.mark.parametrize("surrogate", ["gp", ["gp", "trees"]])
def test_what_is_predicted_of_a_new_measurement_doubts_its_plate(surrogate):
    """By definition: the truth of a candidate, what a plate of its own adds, and noise."""
    spec = reaction_spec(surrogate=surrogate)
    spec = spec.from_resolved({**spec.resolved(), "noise": {"effects": ["plate"]}})
    space, objective = build_space(spec), build_objective(spec)
    off = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shift, rows = rng.normal(0, 15, 6), rng.integers(0, 30, 36).tolist()
        seen = []
        for i, row in enumerate(rows):
            value = float(TRUTH[row]) + shift[i // 6] + rng.normal(0, 1)
            one = observe(spec, SPACE.settings(EVERYTHING[row].numpy()), measured(**{"yield": value}), f"o{i:02}")
            seen.append(replace(one, context={"plate": f"P{i // 6}"}))
        history = History(tuple(seen))
        belief = learn(spec, space, objective, history, regression_table(space, objective, history)[0], seed=seed)
        for row, (whole, *_) in enumerate(predictions_of(objective, belief, EVERYTHING)):
            new = float(TRUTH[row]) + rng.normal(0, 15, 20) + rng.normal(0, 1, 20)
            off.append(np.abs(new - whole.mean) / whole.sd)

    held = float(np.mean(np.array(off) < 1.645))
    assert 0.7 < held < 0.97  # 90 % were the plates' deviation known, which six of them hardly tell; 40 % without it


def test_values_are_learnt_where_they_were_really_measured():
    spec = reaction_spec()
    space, objective = build_space(spec), build_objective(spec)
    here = {"alcohol": "ethanol", "base": "weak", "temperature": 20}
    seen = replace(
        observe(spec, here, measured(**{"yield": 5.0}), "o"), actual=space.coordinates({**here, "temperature": 33.5})
    )
    history = History((seen,))

    table, _ = regression_table(space, objective, history)

    assert table.x[0].tolist() == [1.0, 0.0, 33.5]
    assert history.tried(3)[0].tolist() == [1.0, 0.0, 20.0]  # what was asked for was tried


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"temperature": "hot"}, "actual settings cannot be read (parameter 'temperature'"),
        (
            {"temperature": "33,5"},
            "actual settings cannot be read (parameter 'temperature': must be a finite number in 'degC', got '33,5'; "
            "write it with a point as decimal sign)",
        ),
        ({"base": "stron"}, "actual settings cannot be read (parameter 'base' has no option 'stron' (did you mean"),
        ({"pressure": 2.0}, "actual settings cannot be read (unknown parameter 'pressure'"),
        (33.5, "actual settings must be an object such as {temperature: 78.5}, got 33.5"),
        (
            {"temperature": None},
            "actual settings cannot be read ('temperature' must be text or a finite number, got None;",
        ),
        (
            {"temperature": [33.5]},
            "actual settings cannot be read ('temperature' must be text or a finite number, got [33",
        ),
        ({"temperature": {}}, "actual settings cannot be read ('temperature' must be text or a finite number, got {};"),
        (
            {"temperature": True},
            "actual settings cannot be read ('temperature' must be text or a finite number, got True",
        ),
        (
            {"temperature": 10**400},
            "actual settings cannot be read ('temperature' must be text or a finite number, got 1",
        ),
        ({"base": None}, "actual settings cannot be read ('base' must be text or a finite number, got None; leave out"),
    ],
)
def test_actual_settings_that_cannot_be_read_train_nothing_and_count_as_tried(given, problem):
    spec = reaction_spec()
    space, here = build_space(spec), {"alcohol": "ethanol", "base": "weak", "temperature": 20}
    x, said = read_actual(space, here, {"actual": given})
    seen = replace(observe(spec, here, measured(**{"yield": 5.0}), "o"), is_off=True)

    assert x is None
    assert said.startswith(problem)
    assert len(regression_table(space, build_objective(spec), History((seen,)))[0]) == 0
    assert len(History((seen,)).tried(3)) == 1


def test_integers_that_no_float_holds_are_kept_and_not_used():
    huge = {"humidity": 10**400, "pressure": 10**400, "provenance": {"wall_time_s": 10**400, "cost": 2}}

    found, (note,) = read_context(huge, {"humidity": None})

    assert found == {}
    assert note.startswith("context 'humidity' must be a number, got 1000")
    assert read_expense(huge) == Expense(None, 2.0)


def test_equal_problems_of_actual_settings_are_one_note():
    space, here = build_space(reaction_spec()), {"alcohol": "ethanol", "base": "weak", "temperature": 20}
    given = [{"temperature": None}, {"temperature": None}, {"base": "X"}, {"temperature": None}]
    records = [
        ObservationRecord(
            f"o{i}",
            "c",
            here,
            {},
            measured(**{"yield": 5.0}),
            "s",
            Arm.MANUAL,
            None,
            0,
            0,
            0,
            0,
            0,
            datetime(2026, 1, 1, tzinfo=UTC),
            None,
            {"actual": actual},
        )
        for i, actual in enumerate(given)
    ]

    history = History.of(space, records, ())

    assert [o.is_off for o in history.observations] == [True] * 4
    first, second = history.notes
    assert first.startswith("observation o0 and 2 more: actual settings cannot be read ('temperature' must be")
    assert first.endswith("; it counts as tried and trains nothing")
    assert second.startswith("observation o2: actual settings cannot be read (parameter 'base' has no option 'X'")


def test_actual_settings_that_are_the_requested_ones_say_nothing():
    space, here = build_space(reaction_spec()), {"alcohol": "ethanol", "base": "weak", "temperature": 20}

    assert read_actual(space, here, {"actual": {"temperature": 20.0}}) == (None, "")
    assert read_actual(space, here, {}) == (None, "")


def test_what_no_longer_applies_goes_with_the_actual_settings_and_fractions_must_sum():
    parts = {
        "ligand": {"type": "category", "options": ["none", "L"]},
        "loading": {"type": "number", "values": [0.5, 1, 5], "unless": {"ligand": "none"}},
        "solvent": {"type": "mixture", "parts": ["w", "e"], "step": 0.25},
    }
    space = build_space(CampaignSpec.from_resolved({**reaction_spec().resolved(), "space": parts}))
    asked = {"ligand": "L", "loading": 1.0, "solvent.w": 0.5, "solvent.e": 0.5}

    for given in ({"ligand": "none"}, {"ligand": "none", "loading": 0}):  # the ligand was forgotten
        x, said = read_actual(space, asked, {"actual": given})
        assert (x.tolist(), said) == ([0.0, 0.0, 0.5, 0.5], "")
    assert read_actual(space, asked, {"actual": {"solvent.w": 0.7, "solvent.e": 0.31}})[1] == ""
    x, said = read_actual(space, asked, {"actual": {"solvent.w": 0.7}})
    assert x is None
    assert "the parts of 'solvent' sum to 1.2; give every part that was not as requested" in said
