"""A target that is exact: what was measured is known, the rest as doubtful as it was, and nothing is measured again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, measured, observe, reaction_spec, training

from loop.history import Claim, History
from loop.insight.best import honest_best
from loop.insight.predicting import predict
from loop.insight.saying import best_sentence, stated_line
from loop.outcome import Measured, Measurement, Qualifier
from loop.planner import plan
from loop.policy.stopping import regret_settled
from loop.record import Arm
from loop.space.rows import different, places_among
from loop.spec import CampaignSpec, build_space
from loop.surrogates.noiseless import Known, Noiseless, noiseless
from loop.surrogates.protocol import FittedSurrogate, TrainingSet
from loop.surrogates.registry import surrogate

SPIKE: dict[str, Any] = {"alcohol": "propanol", "base": "weak", "temperature": 40.0}  # nothing near it is as good


def spec_of(*, exact: bool, **more: Any) -> CampaignSpec:
    wanted = {"goal": "maximize", "unit": "%", "low": 0, "high": 100, "exact": exact}
    return CampaignSpec.from_resolved({**reaction_spec({"yield": wanted}).resolved(), **more})


def seen(spec: CampaignSpec, spike: float = 95.0) -> History:
    """Two thirds of the conditions, which say nothing of one another, and one far above them."""
    space = build_space(spec)
    rows = [space.settings(x.numpy()) for x in EVERYTHING[::2]]
    values = [20.0 + 7.0 * (i * i % 5) for i in range(len(rows))]
    told = [
        observe(spec, s, measured(**{"yield": v}), f"o{i}") for i, (s, v) in enumerate(zip(rows, values, strict=True))
    ]
    told = [o for o in told if space.settings(o.x) != SPIKE]
    return History((*told, observe(spec, SPIKE, measured(**{"yield": spike}), "spike")))


def fitted_and_known(name: str) -> tuple[FittedSurrogate, Noiseless, TrainingSet]:
    data = training()
    plain = surrogate(name, build_space(reaction_spec())).fit(build_space(reaction_spec()), data, seed=1)
    return plain, Noiseless(plain, Known.of(data)), data


@pytest.mark.parametrize("name", ["gp", "trees"])
def test_what_was_measured_is_known_and_the_rest_is_as_doubtful_as_a_new_measurement(name: str) -> None:
    plain, exact, data = fitted_and_known(name)

    mean, sd = exact.moments(EVERYTHING)
    is_known = exact.known.places(EVERYTHING) >= 0

    assert int(is_known.sum()) == len(data)
    for x, value in zip(data.x, data.y, strict=True):
        assert exact.moments(x[None])[0].item() == value.item()
    assert (sd[is_known] < 0.002 * data.y.std()).all()
    before, doubt = plain.moments(EVERYTHING)
    torch.testing.assert_close(mean[~is_known], before[~is_known])
    total = (doubt.square() + plain.noise_at(EVERYTHING).square()).sqrt()
    torch.testing.assert_close(sd[~is_known], total[~is_known])


@pytest.mark.parametrize("name", ["gp", "trees"])
def test_draws_differ_only_where_nothing_was_measured(name: str) -> None:
    _, exact, _ = fitted_and_known(name)
    twice = torch.cat([EVERYTHING, EVERYTHING])

    draws = exact.samples(twice, 2000, seed=3)
    mean, sd = exact.moments(EVERYTHING)

    is_known = exact.known.places(EVERYTHING) >= 0
    assert (draws[:, :30][:, is_known] == mean[is_known]).all()
    assert ((draws[:, :30].std(0) / sd - 1).abs() < 0.15)[~is_known].all()
    apart = (draws[:, :30] - draws[:, 30:]).std(0)  # one candidate has one value, but for jitter
    assert (apart < 0.2 * sd)[~is_known].all()


@pytest.mark.parametrize("name", ["gp", "trees", "committee"])
def test_the_botorch_model_believes_the_same(name: str) -> None:
    _, exact, _ = fitted_and_known(name)
    model = noiseless(exact.plain, exact.known).model() if name == "committee" else exact.model()
    mean, sd = noiseless(exact.plain, exact.known).moments(EVERYTHING)

    posterior: Any = model.posterior(EVERYTHING[:, None, :])
    together: Any = model.posterior(EVERYTHING)

    is_known = exact.known.places(EVERYTHING) >= 0
    torch.testing.assert_close(posterior.mean[:, 0, 0].detach(), mean)
    torch.testing.assert_close(together.mean[:, 0].detach(), mean)
    found = posterior.variance[:, 0, 0].detach().sqrt()
    assert (found[is_known] < 0.002 * mean.std()).all()
    assert ((found - sd).abs() < 0.2 * sd)[~is_known].all()


def test_the_best_is_the_best_value_and_that_is_certain() -> None:
    found = {exact: honest_best(spec_of(exact=exact), seen(spec_of(exact=exact)), seed=0) for exact in (True, False)}

    first = found[True].candidates[0]
    assert dict(first.settings) == SPIKE
    assert stated_line(first.targets[0], found[True]) == "yield 95 % (exact)"
    assert first.best_of_tried == 1.0
    assert 0.0 < first.best_of_all < 1.0  # type: ignore[operator]
    believed = next(c for c in found[False].candidates if dict(c.settings) == SPIKE)
    assert believed.targets[0].mean < 90.0  # as long as it may have been luck
    assert "(exact)" not in best_sentence(found[False])


def test_what_is_known_is_predicted_as_it_is() -> None:
    spec = spec_of(exact=True)

    found = predict(spec, seen(spec), EVERYTHING.numpy(), seed=0)

    stated = [one.targets[0] for one in found.candidates]
    known = [one for one in stated if one.is_known]
    assert len(known) == len(seen(spec).observations)
    assert all(one.low == one.high == one.mean for one in known)
    assert stated_line(found.candidates[found.order[0]].targets[0], found) == "yield 95 % (exact)"
    assert all(one.low <= one.mean <= one.high for one in stated)  # type: ignore[operator]
    assert all(one.low < one.high for one in stated if not one.is_known)  # type: ignore[operator]


def test_rounding_in_a_committee_takes_no_certainty_away() -> None:
    spec = spec_of(exact=True)
    history = seen(spec)
    odd = [
        observe(spec, build_space(spec).settings(o.x), measured(**{"yield": 70.0 / (3.0 + i)}), o.id)
        for i, o in enumerate(history.observations)
    ]

    found = honest_best(spec, History(tuple(odd)), seed=0)

    assert all(stated_line(c.targets[0], found).endswith(" % (exact)") for c in found.candidates)


def test_the_same_is_chosen_next_with_it_and_without() -> None:
    batches = [
        plan(spec_of(exact=exact), seen(spec_of(exact=exact)), seed=2, experiments=20) for exact in (True, False)
    ]

    first, second = ([dict(p.candidate.settings) for p in batch.proposals] for batch in batches)
    assert first == second
    assert "yield 95 % (exact)" in batches[0].model["believed_best"]


def test_values_of_one_candidate_that_differ_are_named_and_believed_to_scatter() -> None:
    spec = spec_of(exact=True)
    again = observe(spec, SPIKE, measured(**{"yield": 60.0}), "again")
    history = replace(seen(spec), observations=(*seen(spec).observations, again))

    found, made = honest_best(spec, history, seed=0), plan(spec, history, seed=2, experiments=20)

    believed = next(c for c in found.candidates if dict(c.settings) == SPIKE)
    assert not believed.targets[0].is_known
    (note,) = [n for n in made.notes if "exact" in n]
    assert note == (
        "yield is exact by the campaign file, and values of propanol, weak, temperature 40 degC differ or "
        "contradict a limit: it is believed there as if it scattered; retract what is wrong, or leave out exact"
    )


def with_deviation(sd: float, away: float = 0.0) -> TrainingSet:
    """The first value once more, but for rounding; the second once more ``away`` from itself, with a deviation."""
    data = training()
    twins = TrainingSet(*(torch.cat([a, a[:2]]) for a in (data.x, data.y, data.sd)))
    twins.y[-2] += 1e-6
    twins.y[-1] += away
    twins.sd[-1] = sd
    return twins


def test_rounding_is_no_contradiction_and_of_several_values_the_surest_counts() -> None:
    data, known = training(), Known.of(with_deviation(0.5, away=1.4))

    assert not len(known.contradicted)
    assert torch.allclose(known.y[known.places(data.x)], data.y, atol=1e-5, rtol=0)
    assert (known.sd == 0).all()
    assert known.is_certain(data.x).all()


def test_a_value_more_than_three_deviations_off_contradicts_the_other() -> None:
    known = Known.of(with_deviation(0.5, away=1.6))

    assert torch.equal(known.contradicted, training().x[1:2])


@pytest.mark.parametrize("name", ["gp", "trees"])
def test_a_stated_deviation_is_all_the_doubt_that_there_is(name: str) -> None:
    data = training()
    plain = surrogate(name, build_space(reaction_spec())).fit(build_space(reaction_spec()), data, seed=1)
    before, doubt = plain.moments(data.x[:1])
    total = (doubt.square() + plain.noise_at(data.x[:1]).square()).sqrt().item()
    for sd in (0.01 * total, total, 100.0 * total):
        stated = replace(data, sd=torch.where(torch.arange(len(data)) == 0, sd, torch.nan))
        exact = Noiseless(plain, Known.of(stated))

        mean, left = (m.item() for m in exact.moments(data.x[:1]))
        draws = exact.samples(data.x, 4000, seed=5)[:, 0]
        posterior: Any = exact.model().posterior(data.x[:1])

        share = sd**2 / (sd**2 + total**2)  # of what was believed, in the product of two normal densities
        assert mean == pytest.approx((1 - share) * data.y[0].item() + share * before.item())
        assert left == pytest.approx((1 / (1 / sd**2 + 1 / total**2)) ** 0.5, rel=1e-6)
        assert abs(draws.mean().item() - mean) < 5 * left / 4000**0.5
        assert abs(draws.std().item() / left - 1) < 5 / 8000**0.5
        assert posterior.mean.item() == pytest.approx(mean, rel=1e-4)
        assert posterior.variance.item() == pytest.approx(left**2, rel=0.1)  # a botorch model adds jitter
        assert not exact.known.is_certain(data.x[:1]).any()


def test_the_best_may_have_a_deviation_and_is_then_not_called_exact() -> None:
    spec = spec_of(exact=True)
    reading = Measured((Measurement("yield", 95.0, "%", 95.0, sd=0.5, canonical_sd=0.5),))
    rows = [replace(o, outcome=reading) if o.id == "spike" else o for o in seen(spec).observations]

    found = honest_best(spec, History(tuple(rows)), seed=0)

    first = found.candidates[0]
    assert dict(first.settings) == SPIKE
    stated = first.targets[0]
    assert stated.mean == pytest.approx(95.0, abs=0.1)
    assert stated.low is not None
    assert 0.5 < 95.0 - stated.low < 1.5
    assert "(exact)" not in stated_line(stated, found)
    assert not [note for note in found.notes if "exact" in note]


def test_a_limit_that_a_value_breaks_contradicts_it_and_one_that_it_keeps_does_not() -> None:
    data = training()
    x, y = (torch.cat([a, a[:2]]) for a in (data.x, data.y))
    low, high = y.clone(), y.clone()
    low[-2:], high[-2:] = -torch.inf, y[-2:] + torch.tensor([-1.0, 1.0])

    known = Known.of(TrainingSet(x, y, torch.full_like(y, torch.nan), low, high))

    places = known.places(data.x)
    assert torch.equal(known.contradicted, data.x[:1])
    assert places[0] == -1
    assert torch.equal(known.y[places[1:]], data.y[1:])


def test_a_limit_alone_is_not_known() -> None:
    data = training()
    high = data.y.clone()
    high[0] = torch.inf
    known = Known.of(TrainingSet(data.x, data.y, data.sd, data.y, high))

    places = known.places(data.x)
    assert places[0] == -1
    assert torch.equal(known.y[places[1:]], data.y[1:])


def test_a_regret_ends_the_campaign_without_the_best_once_more() -> None:
    rule = [{"target": "yield", "regret": 90}]
    claims = tuple([Claim("yield", 50.0, 5.0, 50.0)] * 20)
    made = {
        exact: plan(spec := spec_of(exact=exact, stop=rule), replace(seen(spec), claims=claims), seed=1, experiments=9)
        for exact in (True, False)
    }

    assert [p.arm for p in made[False].proposals] == [Arm.REPLICATE]  # nothing says whether results scatter
    assert Arm.REPLICATE not in [p.arm for p in made[True].proposals]
    ended = regret_settled(spec_of(exact=True, stop=rule), made[True].model["regret"])
    assert (
        "nothing untried is believed to be better than propanol, weak, temperature 40 degC by more than 90 %" in ended
    )
    assert "hardly scatter" not in ended


def test_without_a_model_what_a_limit_or_a_deviation_speaks_against_is_not_called_exact() -> None:
    spec = spec_of(exact=True)
    spec = spec.model_copy(update={"planner": spec.planner.model_copy(update={"surrogate": "random"})})
    at = {"alcohol": "propanol", "base": "weak"}
    below = Measured((Measurement("yield", 40.0, "%", 40.0, qualifier=Qualifier.BELOW),))
    doubted = Measured((Measurement("yield", 30.0, "%", 30.0, sd=1.0, canonical_sd=1.0),))
    rows = [
        observe(spec, {**at, "temperature": 20.0}, measured(**{"yield": 50.0}), "a"),
        observe(spec, {**at, "temperature": 20.0}, below, "b"),
        observe(spec, {**at, "temperature": 40.0}, doubted, "c"),
        observe(spec, {**at, "temperature": 60.0}, measured(**{"yield": 20.0}), "d"),
    ]

    found = honest_best(spec, History(tuple(rows)), seed=0)

    said = [stated_line(c.targets[0], found) for c in found.candidates]
    assert said == ["yield 50 %", "yield 30 %", "yield 20 % (exact)"]


def test_another_target_may_scatter_beside_it() -> None:
    wanted = {"yield": {"goal": "maximize", "exact": True}, "purity": {"goal": "maximize"}}
    spec = reaction_spec(wanted)
    space = build_space(spec)
    rows = [
        observe(
            spec,
            space.settings(x.numpy()),
            Measured((Measurement("yield", i, "", i), Measurement("purity", 9.0 - i % 4, "", 9.0 - i % 4))),
            f"o{i}",
        )
        for i, x in enumerate(EVERYTHING[::3])
    ]

    found = honest_best(spec, History(tuple(rows)), seed=0)

    for candidate in found.candidates:
        exact, scattering = candidate.targets
        assert exact.is_known
        assert exact.mean == exact.values[0]
        assert not scattering.is_known
        assert scattering.low < scattering.high  # type: ignore[operator]


def test_candidates_are_found_as_a_look_at_each_finds_them() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 9, (2000, 3)) * rng.choice([1.0, 0.1], (2000, 3))  # -0.0 among them
    rows = different(x[:300] + 0.0)[::-1]

    found = places_among(x, rows)

    assert found.tolist() == [next((i for i, row in enumerate(rows) if (row == v).all()), -1) for v in x]
    assert 0 < (found >= 0).sum() < len(x)
    assert places_among(x[:2], rows[:0]).tolist() == [-1, -1]
