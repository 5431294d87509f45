"""Sources: what earlier campaigns and a chemist expect is heard before the first result, and only while it helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, alcohol_yield, measured, observe, reaction_spec
from earlier import Response, earlier_of, first_batch, hint_of, seen, settings_of

from loop.acquisition import streaming
from loop.history import History
from loop.memory import first
from loop.memory.earlier import Earlier
from loop.memory.guess import guessed
from loop.memory.hint import Hint
from loop.memory.hints import hints_of
from loop.memory.informed import Informed
from loop.memory.learning import Judged, learn_with
from loop.memory.overlap import overlap
from loop.outcome import Fault, FaultKind, Measured, Measurement, Qualifier
from loop.planner import plan
from loop.record import Arm
from loop.space import Category, Component, Continuous, Discrete, ProductPool, Space
from loop.spec import CampaignSpec, build_objective, build_space
from loop.surrogates.committee import Committee, FittedCommittee
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation
from loop.training import regression_table

GP = GaussianProcess("gp", Representation.ONE_HOT)


def by_chance() -> Response:
    rng = np.random.default_rng(3)
    return lambda _: float(rng.uniform(0, 100))


def by_temperature(settings: Mapping[str, Any]) -> float:
    return float(next(value for name, value in settings.items() if name.startswith("temperature")))


def judged(spec: CampaignSpec, history: History, source: Earlier) -> Judged:
    """What a source is worth after these results."""
    space, objective = build_space(spec), build_objective(spec)
    hint = hint_of(space, objective.targets[0], source, seed=0)
    assert isinstance(hint, Hint)
    data = TrainingSet.of(regression_table(space, objective, history)[0], 0)
    return learn_with(surrogate("committee", space), [hint], space, data, seed=0)[1][0]


class TestWhatTwoSpacesShare:
    def test_options_of_both_with_those_of_this_space_at_the_same_coordinates(self) -> None:
        here = Space((Component("alcohol", ("methanol", "ethanol"), ("CO", "CCO")),))
        there = Space((Component("alcohol", ("EtOH", "iPrOH"), ("CCO", "CC(C)O")),))

        both = overlap(here, there)

        shared = both.shared[0].parameter
        assert isinstance(shared, Component)
        assert shared.smiles == ("CO", "CCO", "CC(C)O")
        assert both.there(np.array([[0.0], [1.0]])).tolist() == [[1.0], [2.0]]

    def test_numbers_are_converted_into_this_spaces_unit(self) -> None:
        here = Space((Continuous("temperature", 20, 100, "degC"),))
        there = Space((Continuous("temperature", 300, 400, "K"),))

        both = overlap(here, there)

        shared = both.shared[0].parameter
        assert isinstance(shared, Continuous)
        assert (shared.low, shared.high) == (20.0, pytest.approx(126.85))
        assert both.there(np.array([[373.15]]))[0, 0] == pytest.approx(100.0)

    def test_a_component_is_known_by_its_role_or_by_its_structures(self) -> None:
        here = Space((Component("phosphine", ("a", "b"), ("P", "CP"), role="ligand"), Component("s", ("w",), ("O",))))
        by_role = Space((Component("L", ("x",), ("CCP",), role="ligand"),))
        by_structure = Space((Component("solvent", ("water", "ethanol"), ("O", "CCO")),))

        assert [(s.here, s.there) for s in overlap(here, by_role).shared] == [(0, 0)]
        assert [(s.here, s.there) for s in overlap(here, by_structure).shared] == [(1, 0)]

    def test_what_is_not_the_same_thing_is_missing(self) -> None:
        here = Space((Category("x", ("a",)), Discrete("t", (1.0, 2.0), "h"), Category("y", ("a", "b"))))
        there = Space((Continuous("x", 0, 1), Continuous("t", 0, 1, "g"), Category("y", ("b", "c"))))

        both = overlap(here, there)

        assert both.missing == ("x", "t")
        assert both.share == pytest.approx(1 / 3)
        assert both.half_known(here) == ("1 of 2 options of y",)

    def test_of_names_with_none_in_common_nothing_is_known(self) -> None:
        here = Space((Category("x", ("a", "b")), Category("y", ("a", "b"))))
        there = Space((Category("x", ("a", "b")), Category("y", ("A", "B"))))

        both = overlap(here, there)

        assert both.unlike == ("y",)
        assert both.share == 0.5
        assert both.space.names == ("x", "y")  # what y did there is learnt, lest it be taken for noise
        assert both.half_known(here) == ()


class TestAHint:
    def test_it_resembles_the_source_where_the_source_has_results(self) -> None:
        spec = reaction_spec()
        space = build_space(spec)
        hint = hint_of(space, build_objective(spec).targets[0], earlier_of(alcohol_yield, 30), seed=0)

        assert isinstance(hint, Hint)
        every = settings_of(spec)
        expected = hint.mean(torch.from_numpy(np.array([space.coordinates(s) for s in every]))).numpy()
        assert np.corrcoef(expected, [alcohol_yield(s) for s in every])[0, 1] > 0.98

    @pytest.mark.parametrize(
        "changes",
        [
            {"objective": {"yield": {"goal": "keep", "at_least": 20}, "cost": {"goal": "minimize"}}},
            {"objective": {"yield": {"goal": "match", "value": 40, "within": 9}, "cost": {"goal": "minimize"}}},
            {
                "objective": {n: {"goal": "maximize", "low": 0, "high": 100} for n in ("yield", "cost")},
                "tradeoff": "desirability",
            },
        ],
        ids=["kept", "matched", "weighed"],
    )
    def test_whatever_the_source_wanted_of_the_target_its_numbers_tell(self, changes: dict[str, Any]) -> None:
        usual = earlier_of(alcohol_yield)
        other = CampaignSpec.from_resolved({**reaction_spec().resolved(), **changes})
        space, target = build_space(reaction_spec()), build_objective(reaction_spec()).targets[0]

        hint = hint_of(space, target, Earlier("before", other, usual.history), seed=0)
        alike = hint_of(space, target, usual, seed=0)

        assert isinstance(hint, Hint)
        assert isinstance(alike, Hint)
        everything = torch.from_numpy(ProductPool(space).take(np.arange(space.size)))
        assert torch.allclose(hint.mean(everything), alike.mean(everything), rtol=1e-6)

    def test_it_is_in_this_campaigns_unit(self) -> None:
        spec = reaction_spec({"energy": {"goal": "minimize", "unit": "kJ/mol"}})
        theirs = reaction_spec({"energy": {"goal": "minimize", "unit": "kcal/mol"}})
        source = earlier_of(alcohol_yield, 30, spec=theirs)
        space = build_space(spec)
        x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(spec)]))

        here = hint_of(space, build_objective(spec).targets[0], source, seed=0)
        there = hint_of(space, build_objective(theirs).targets[0], source, seed=0)

        assert isinstance(here, Hint)
        assert isinstance(there, Hint)
        assert torch.allclose(here.mean(x), 4.184 * there.mean(x), rtol=1e-9)

    @pytest.mark.parametrize(("unit", "other", "where"), [("%", "", "there"), ("", "%", "here")])
    def test_numbers_without_a_unit_are_taken_as_they_are_and_that_is_said(
        self, unit: str, other: str, where: str
    ) -> None:
        spec = reaction_spec({"yield": {"goal": "maximize", "unit": unit}})
        theirs = reaction_spec({"yield": {"goal": "maximize", "unit": other}})
        space = build_space(spec)
        x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(spec)]))

        found, alike = (
            hint_of(space, build_objective(spec).targets[0], earlier_of(alcohol_yield, 30, spec=source), seed=0)
            for source in (theirs, spec)
        )

        assert isinstance(found, Hint)
        assert isinstance(alike, Hint)
        assert found.told.endswith(f"yield has no unit {where}, and numbers are taken as they are")
        assert torch.allclose(found.mean(x), alike.mean(x))

    @pytest.mark.parametrize(("high", "is_fraction"), [(None, True), (1.0, True), (100.0, False)])
    @pytest.mark.parametrize("is_here", [True, False])
    def test_beside_per_cent_what_is_at_most_one_is_a_fraction(
        self, high: float | None, is_fraction: bool, is_here: bool
    ) -> None:
        in_percent = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}})
        limited = {} if high is None else {"high": high}
        bare = reaction_spec({"yield": {"goal": "maximize", **limited}})
        space = build_space(bare)
        x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(bare)]))

        def heard(here: CampaignSpec, there: CampaignSpec, size: float) -> Hint:
            source = earlier_of(lambda s: size * alcohol_yield(s), 30, spec=there)
            found = hint_of(space, build_objective(here).targets[0], source, seed=0)
            assert isinstance(found, Hint)
            return found

        found = heard(bare, in_percent, 1.0) if is_here else heard(in_percent, bare, 0.01)
        alike = heard(in_percent, in_percent, 1.0)

        is_told = high is not None or not is_here  # of what is sought here there are no values yet
        factor = (0.01 if is_here else 1.0) if is_fraction and is_told else (1.0 if is_here else 0.01)
        assert torch.allclose(found.mean(x), factor * alike.mean(x), rtol=1e-6)
        assert found.told.endswith("as it is at most 1, it is a fraction") == (is_fraction and is_told)

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            (
                lambda: earlier_of(
                    lambda _: 1.0, spec=reaction_spec({"yield": {"goal": "maximize", "levels": [1, 2, 3]}})
                ),
                "yield has levels, over which sources are not carried",
            ),
            (lambda: earlier_of(lambda _: 50.0), "it expects the same of every candidate"),
            (lambda: earlier_of(by_chance(), 30), "they do not say which conditions are better"),
            (lambda: earlier_of(alcohol_yield, 4), "it has 4 results of yield, and 5 are needed"),
            (lambda: earlier_of(alcohol_yield, spec=reaction_spec({"ee": {"goal": "maximize"}})), "did not measure"),
        ],
    )
    def test_or_it_says_why_there_is_none(self, source: Callable[[], Earlier], why: str) -> None:
        spec = reaction_spec()

        found = hint_of(build_space(spec), build_objective(spec).targets[0], source(), seed=0)

        assert isinstance(found, str)
        assert why in found

    @pytest.mark.parametrize(
        ("renamed", "response", "why"),
        [
            (("temperature",), by_chance(), "which conditions are better; it lacks temperature"),
            (("temperature",), by_temperature, "it expects the same of every candidate; it lacks temperature"),
            (
                ("temperature", "base"),
                by_temperature,
                "it shares 1 of 3 parameters, too few to tell; it lacks base, temperature",
            ),
        ],
    )
    def test_and_names_the_parameters_that_it_does_not_share(
        self, renamed: tuple[str, ...], response: Response, why: str
    ) -> None:
        spec = reaction_spec()
        told = spec.model_dump(mode="json", exclude_none=True)
        space = {f"{name} there" if name in renamed else name: kind for name, kind in told["space"].items()}

        source = earlier_of(response, 30, spec=CampaignSpec.from_resolved(told | {"space": space}))
        found = hint_of(build_space(spec), build_objective(spec).targets[0], source, seed=0)

        assert isinstance(found, str)
        assert found.endswith(why)

    def test_and_says_what_it_has_under_nearly_the_same_name(self) -> None:
        spec = reaction_spec()
        told = spec.model_dump(mode="json", exclude_none=True)
        space = {"Base" if name == "base" else name: kind for name, kind in told["space"].items()}
        yields = {"Yield": told["objective"]["yield"]}
        source = earlier_of(by_temperature, 30, spec=CampaignSpec.from_resolved(told | {"space": space}))
        of_yields = Earlier("e", CampaignSpec.from_resolved(told | {"objective": yields}), History())
        here, target = build_space(spec), build_objective(spec).targets[0]

        found = hint_of(here, target, source, seed=0)

        assert isinstance(found, Hint)
        assert (
            found.told == "30 results, 2 of 3 parameters in common; it lacks base (its Base would count under one name)"
        )
        assert (
            hint_of(here, target, of_yields, seed=0)
            == "it did not measure yield (its Yield would count under one name)"
        )

    def test_nor_does_it_count_a_choice_of_which_it_has_other_options(self) -> None:
        spec = reaction_spec()
        told = spec.model_dump(mode="json", exclude_none=True)
        told["space"]["base"]["options"] = [f"{option} one" for option in told["space"]["base"]["options"]]
        theirs = CampaignSpec.from_resolved(told)

        found = hint_of(
            build_space(spec), build_objective(spec).targets[0], earlier_of(by_temperature, 30, spec=theirs), seed=0
        )

        assert isinstance(found, Hint)
        assert found.told == "30 results, 2 of 3 parameters in common; its base has other options"
        assert build_space(spec).names.index("base") not in found.columns

    def test_and_does_not_call_lacking_what_it_has_as_something_else(self) -> None:
        spec = reaction_spec()
        told = spec.model_dump(mode="json", exclude_none=True)
        words = {"type": "category", "options": ["cold", "hot"]}
        theirs = CampaignSpec.from_resolved(told | {"space": {"temperature": words, "vial": words}})

        found = hint_of(build_space(spec), build_objective(spec).targets[0], Earlier("e", theirs, History()), seed=0)

        assert isinstance(found, str)
        assert found.startswith("it shares 0 of 3 parameters, too few to tell; it lacks ")
        assert "temperature" not in found.partition("it lacks ")[2].partition(";")[0]
        assert found.endswith("; its temperature is of another kind, unit, scale or union")


class TestAnInformedMember:
    def test_is_a_process_about_a_share_of_the_hint(self) -> None:
        """Against the textbook's formula with a mean function, by numpy."""
        spec = reaction_spec()
        space = build_space(spec)
        every = settings_of(spec)
        x = torch.from_numpy(np.array([space.coordinates(s) for s in every]))
        y = torch.tensor([alcohol_yield(s) for s in every], dtype=torch.float64)
        own = TrainingSet(x[:9], y[:9] * 0.8 + 5, torch.full((9,), torch.nan, dtype=torch.float64))
        hint = hint_of(space, build_objective(spec).targets[0], earlier_of(alcohol_yield), seed=0)
        assert isinstance(hint, Hint)

        fitted = Informed(GP, hint).fit(space, own, seed=0)

        share = fitted.details["share"]
        plain = GP.fit(space, own.less(share * hint.mean(own.x)), seed=0)
        kernel = plain.kernel(x, plain.x).numpy()
        noisy = plain.kernel(plain.x, plain.x).numpy() + plain.noise_variance * np.eye(9)
        residual = (own.y - share * hint.mean(own.x)).numpy()
        mean = kernel @ np.linalg.solve(noisy, (residual - plain.shift) / plain.scale) * plain.scale + plain.shift
        np.testing.assert_allclose(fitted.moments(x)[0], mean + share * hint.mean(x).numpy(), rtol=1e-6)
        np.testing.assert_allclose(fitted.joint(x)[0], fitted.moments(x)[0], rtol=1e-9)
        assert torch.allclose(fitted.samples(x, 4_000, seed=1).mean(0), fitted.moments(x)[0], atol=1.0)

    def test_before_any_result_it_expects_what_the_hint_does(self) -> None:
        spec = reaction_spec()
        space = build_space(spec)
        hint = hint_of(space, build_objective(spec).targets[0], earlier_of(alcohol_yield), seed=0)
        assert isinstance(hint, Hint)
        nothing = TrainingSet(*(torch.empty(shape, dtype=torch.float64) for shape in ((0, 3), (0,), (0,))))
        x = torch.from_numpy(ProductPool(space).take(np.arange(space.size)))

        fitted: ExactPosterior = Informed(GP, hint).fit(space, nothing, seed=0)

        mean, sd = fitted.moments(x)
        assert torch.allclose(mean, hint.mean(x))
        assert bool((sd > 0.5 * hint.spread).all())


class TestTheFirstBatch:
    def test_holds_what_a_source_expects_most_and_goes_on_looking_elsewhere(self) -> None:
        spec = reaction_spec(batch=5, initial={"experiments": 5})

        batch = first_batch(spec, earlier_of(alcohol_yield))

        arms = [p.arm for p in batch.proposals]
        assert arms == [Arm.MODEL] * 3 + [Arm.INITIAL] * 2
        best = max(alcohol_yield(s) for s in settings_of(spec))
        assert max(alcohol_yield(p.candidate.settings) for p in batch.proposals[:3]) == best
        assert all("by the sources alone" in p.reason for p in batch.proposals[:3])
        assert any("source 'before' is heard on yield (20 results" in note for note in batch.notes)

    def test_is_the_initial_design_without_a_source(self) -> None:
        spec = reaction_spec(batch=5, initial={"experiments": 5})

        assert {p.arm for p in first_batch(spec).proposals} == {Arm.INITIAL}

    def test_a_source_that_cannot_be_heard_changes_nothing_but_the_notes(self) -> None:
        spec = reaction_spec(batch=5, initial={"experiments": 5})

        batch = first_batch(spec, earlier_of(alcohol_yield, 3))

        alone = first_batch(spec)
        assert [p.candidate for p in batch.proposals] == [p.candidate for p in alone.proposals]
        silent = "source 'before' is not heard on yield: it has 3 results of yield, and 5 are needed"
        assert batch.notes == (silent, *alone.notes)

    def test_only_so_many_sources_are_heard_those_that_share_most(self) -> None:
        spec = reaction_spec(batch=5, initial={"experiments": 5})
        sources = [earlier_of(alcohol_yield, 16 + i, name=f"s{i}") for i in range(5)]

        batch = first_batch(spec, *sources)

        silent = [note for note in batch.notes if "is not heard" in note]
        assert [n.split("'")[1] for n in silent] == ["s1", "s0"]

    def test_with_a_front_of_targets_the_design_is_kept_and_sources_speak_later(self) -> None:
        both = {"yield": {"goal": "maximize"}, "purity": {"goal": "maximize"}}
        spec = reaction_spec(both, batch=5, initial={"experiments": 5})

        batch = first_batch(spec, earlier_of(alcohol_yield))

        assert {p.arm for p in batch.proposals} == {Arm.INITIAL}
        waits = "source 'before' waits for the first model: a front of several targets keeps its own first experiments"
        assert waits in batch.notes

    def test_holds_all_that_is_left_where_that_is_little(self) -> None:
        """The sources' choices, three fifths of a batch of five, are every candidate that there is."""
        resolved = reaction_spec(batch=5, initial={"experiments": 5}).resolved()
        resolved["space"]["alcohol"]["options"] = {"phenol": ALCOHOLS["phenol"]}
        resolved["space"]["temperature"]["values"] = [60]

        batch = first_batch(CampaignSpec.from_resolved(resolved), earlier_of(alcohol_yield))

        assert [p.candidate.settings["base"] for p in batch.proposals] == ["strong", "weak"]

    def test_is_the_initial_design_where_a_threshold_is_kept_of_a_target_that_no_source_knows(self) -> None:
        kept = {"yield": {"goal": "maximize"}, "purity": {"goal": "keep", "at_least": 90}}
        spec = reaction_spec(kept, batch=5, initial={"experiments": 5})

        batch = first_batch(spec, earlier_of(alcohol_yield))

        assert {p.arm for p in batch.proposals} == {Arm.INITIAL}
        assert batch.notes == (
            "source 'before' is not heard on purity: it did not measure purity",
            "source 'before' waits for the first model: a campaign without a source on purity keeps its own first "
            "experiments",
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"objective": {"yield": {"goal": "maximize"}, "waste": {"goal": "minimize"}}},
            {"plate": {"rows": 2, "columns": 3}},
        ],
    )
    def test_where_everything_failed_a_front_and_a_plate_go_on_with_the_design(self, changes: dict[str, Any]) -> None:
        both = reaction_spec({"yield": {"goal": "maximize"}, "waste": {"goal": "minimize"}})
        results = [(s, measured(**{"yield": alcohol_yield(s), "waste": s["temperature"]})) for s in settings_of(both)]
        source = Earlier(
            "before", both, History(tuple(observe(both, s, o, str(i)) for i, (s, o) in enumerate(results)))
        )
        spec = CampaignSpec.from_resolved({**reaction_spec(batch=4).resolved(), **changes})
        failed = tuple(
            observe(spec, s, Fault(FaultKind.INPUT_ERROR, "no", informative=True), f"f{i}")
            for i, s in enumerate(settings_of(spec)[:12])
        )

        batch = plan(spec, History(failed), seed=0, experiments=18, earlier=[source])

        assert {p.arm for p in batch.proposals} == {Arm.INITIAL}
        assert any("sources alone choose no batch here" in note for note in batch.notes)


class TestLater:
    def test_a_single_limit_is_no_value(self) -> None:
        """The worst is found to be below 90 %, which contradicts nothing."""
        spec = reaction_spec()
        low = {"alcohol": "methanol", "base": "weak", "temperature": 20}
        limit = Measured((Measurement("yield", 90.0, "%", 90.0, qualifier=Qualifier.BELOW),))
        space = build_space(spec)
        hint = hint_of(space, build_objective(spec).targets[0], earlier_of(alcohol_yield, 30), seed=0)
        assert isinstance(hint, Hint)
        table, _ = regression_table(space, build_objective(spec), History((observe(spec, low, limit, "o"),)))

        fitted = Informed(GP, hint).fit(space, TrainingSet.of(table, 0), seed=0)

        x = torch.from_numpy(space.coordinates(low)[None])
        assert torch.allclose(fitted.moments(x)[0], hint.mean(x))

    def test_a_source_that_predicts_the_results_is_kept(self) -> None:
        spec = reaction_spec()
        own = [(s, 0.7 * alcohol_yield(s) + 10) for s in settings_of(spec)[::3]]

        found = judged(spec, seen(spec, own), earlier_of(alcohol_yield, 30))

        assert found.gain is not None
        assert found.gain > 2
        assert found.weight > 0.5
        assert found.share == pytest.approx(0.7, abs=0.2)

    def test_a_source_that_contradicts_them_is_dropped_and_the_record_says_so(self) -> None:
        spec = reaction_spec()
        own = seen(spec, [(s, alcohol_yield(s)) for s in settings_of(spec)[::2]])
        source = earlier_of(lambda s: 100.0 - alcohol_yield(s), 30)

        batch = plan(spec, own, seed=0, experiments=3, earlier=[source])

        assert judged(spec, own, source).is_dropped
        assert batch.model["sources"]["yield"][0]["dropped"] is True
        dropped = "source 'before' is dropped on yield this round (30 results, 3 of 3 parameters in common): held out, "
        assert any(note.startswith(dropped) for note in batch.notes)
        alone = plan(spec, own, seed=0, experiments=3)
        assert [p.candidate for p in batch.proposals] == [p.candidate for p in alone.proposals]

    def test_another_source_takes_the_place_of_one_that_is_dropped(self) -> None:
        spec = reaction_spec()
        own = seen(spec, [(s, 0.7 * alcohol_yield(s) + 10) for s in settings_of(spec)[::3]])
        wrong = [earlier_of(lambda s: 100.0 - alcohol_yield(s), 30, name=f"wrong {i}") for i in range(3)]
        right = earlier_of(alcohol_yield, 28, name="right")  # the fewest results, so that the others come first
        silent = "source 'right' is not heard on yield: at most 3 are heard at once"

        batch = plan(spec, own, seed=0, experiments=3, earlier=[*wrong, right])
        first = plan(spec, History(), seed=0, experiments=5, earlier=[*wrong, right])

        assert [(s["source"], s["dropped"]) for s in batch.model["sources"]["yield"]] == [
            *((f"wrong {i}", True) for i in range(3)),
            ("right", False),
        ]
        assert not any(note.startswith(silent) for note in batch.notes)
        assert [s["source"] for s in first.model["sources"]["yield"]] == ["wrong 0", "wrong 1", "wrong 2"]
        assert sum(note.startswith(silent) for note in first.notes) == 1

    def test_of_many_sources_only_those_that_can_be_heard_are_learnt_from(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec = reaction_spec()
        sources = [earlier_of(alcohol_yield, 20 + i, name=f"like {i}") for i in range(9)]
        learnt: list[int] = []
        fit = Committee.fit

        def noting(self: Committee, space: Space, data: TrainingSet, *, seed: int) -> FittedCommittee:
            learnt.append(len(data))
            return fit(self, space, data, seed=seed)

        monkeypatch.setattr(Committee, "fit", noting)

        found, notes = hints_of(spec, build_space(spec), build_objective(spec), sources)
        without_model = reaction_spec(surrogate="random")
        nothing, unsaid = hints_of(without_model, build_space(spec), build_objective(spec), sources)

        assert [h.name for h in found["yield"]] == [f"like {i}" for i in (8, 7, 6, 5, 4, 3)]
        assert learnt == [28, 27, 26, 25, 24, 23]
        assert [n.split(" is not heard")[0] for n in notes] == [f"source 'like {i}'" for i in (2, 1, 0)]
        assert (nothing, unsaid) == ({}, ())

    def test_a_plan_with_sources_is_a_function_of_its_arguments(self) -> None:
        spec = reaction_spec()
        own = seen(spec, [(s, alcohol_yield(s)) for s in settings_of(spec)[::4]])
        source = earlier_of(alcohol_yield)

        assert plan(spec, own, seed=5, experiments=3, earlier=[source]) == plan(
            spec, own, seed=5, experiments=3, earlier=[source]
        )


class TestAPrior:
    def test_a_ranking_leads_the_first_batch(self) -> None:
        spec = prior_spec({"alcohol": ["phenol", "butanol"], "base": ["strong", "weak"]})

        batch = first_batch(spec)

        best = batch.proposals[0].candidate.settings
        assert (best["alcohol"], best["base"]) == ("phenol", "strong")
        assert any(note.startswith("the prior is heard on yield (expected of alcohol, base)") for note in batch.notes)

    def test_a_ranking_goes_the_other_way_where_less_is_better(self) -> None:
        objective = {"waste": {"goal": "minimize", "unit": "g"}}
        spec = prior_spec({"alcohol": ["phenol"]}, objective=objective, target="waste")

        assert first_batch(spec).proposals[0].candidate.settings["alcohol"] == "phenol"

    def test_values_are_taken_as_they_are_and_numbers_interpolated(self) -> None:
        spec = reaction_spec()
        space = build_space(spec)
        said = {"alcohol": {"methanol": 80.0, "phenol": 20.0}, "temperature": {"20": 40.0, "60": 60.0}}

        hint = guessed(space, build_objective(spec).targets[0], said, seed=0)

        def at(alcohol: str, temperature: float) -> float:
            x = space.coordinates({"alcohol": alcohol, "base": "weak", "temperature": temperature})
            return float(hint.mean(torch.from_numpy(x)))

        assert at("methanol", 40) == pytest.approx(80)  # the middle of the temperatures adds nothing
        assert at("phenol", 40) == pytest.approx(20)
        assert at("ethanol", 40) == pytest.approx(50)  # not guessed: average
        assert at("methanol", 60) - at("methanol", 20) == pytest.approx(20)
        assert at("methanol", 50) - at("methanol", 40) == pytest.approx(5)

    def test_a_ranking_lies_about_the_middle_of_what_the_target_can_be(self) -> None:
        batch = first_batch(prior_spec({"alcohol": ["phenol"], "base": ["strong"]}))

        means = [p.predictions[0].mean for p in batch.proposals]
        assert 50 < means[0] < 100
        assert all(0 < mean < 100 for mean in means)

    def test_a_ranking_predicts_no_values_where_nothing_says_how_large_they_are(self) -> None:
        """What is not predicted is not held against results, which would be a surprise each."""
        spec = prior_spec({"alcohol": ["phenol"]}, objective={"yield": {"goal": "maximize", "unit": "%"}})

        batch = first_batch(spec)

        assert batch.proposals[0].candidate.settings["alcohol"] == "phenol"
        assert all(p.predictions == () for p in batch.proposals)
        assert batch.proposals[0].reason == (
            "chosen for what the sources expect: the prior ranks its yield, and states no value"
        )
        own = seen(spec, [(s, alcohol_yield(s)) for s in settings_of(spec)[::6]])
        assert all(p.predictions for p in plan(spec, own, seed=0, experiments=3).proposals)

    def test_a_ranking_is_taken_to_be_as_large_as_what_sources_expect(self) -> None:
        objective = {"yield": {"goal": "maximize", "unit": "%"}}
        spec = prior_spec({"alcohol": ["methanol"]}, objective=objective)
        space, source = build_space(spec), earlier_of(alcohol_yield, 30, spec=reaction_spec(objective))

        found, _ = hints_of(spec, space, build_objective(spec), [source])

        prior, other = found["yield"]
        x = torch.from_numpy(np.array([space.coordinates(s) for s in settings_of(spec)]))
        assert (prior.kind, prior.is_scaled) == ("prior", False)
        assert prior.spread == pytest.approx(other.spread)
        assert prior.mean(x).mean() == pytest.approx(float(other.mean(x).mean()), abs=0.1 * other.spread)
        first = first_batch(spec, source).proposals
        assert {"methanol", "butanol"} <= {p.candidate.settings["alcohol"] for p in first[:3]}  # both are heard

    def test_a_prior_that_tells_no_candidates_apart_is_not_heard(self) -> None:
        resolved = prior_spec({"alcohol": ["phenol"]}).resolved()
        resolved["space"]["alcohol"]["options"] = {"phenol": ALCOHOLS["phenol"]}

        batch = first_batch(CampaignSpec.from_resolved(resolved))

        assert {p.arm for p in batch.proposals} == {Arm.INITIAL}
        assert batch.notes[0] == "the prior is not heard on yield: it expects the same of every candidate"

    def test_where_a_number_does_not_apply_nothing_is_added(self) -> None:
        gated = {"type": "number", "low": 1, "high": 5, "unless": {"base": "weak"}}
        resolved = reaction_spec().resolved()
        resolved["space"]["amount"] = gated
        space = build_space(CampaignSpec.from_resolved(resolved))
        target = build_objective(reaction_spec()).targets[0]

        hint = guessed(space, target, {"amount": {"1": 20.0, "5": 60.0}}, seed=0)

        def at(**settings: Any) -> float:
            x = space.coordinates({"alcohol": "phenol", "temperature": 20, **settings})
            return float(hint.mean(torch.from_numpy(x)))

        assert [at(base="strong", amount=a) for a in (1, 3, 5)] == pytest.approx([20, 40, 60])
        assert at(base="weak") == pytest.approx(40)  # not the lowest amount, but the average

    def test_none_of_a_number_that_may_be_zero_can_be_guessed(self) -> None:
        resolved = reaction_spec().resolved()
        resolved["space"]["amount"] = {"type": "number", "low": 1, "high": 5, "or_zero": True}
        resolved["prior"] = {"yield": {"amount": {"0": 10, "5": 60}}}

        spec = CampaignSpec.from_resolved(resolved)

        space = build_space(spec)
        hint = guessed(space, build_objective(spec).targets[0], (spec.prior or {})["yield"], seed=0)
        x = [space.coordinates({"alcohol": "phenol", "base": "weak", "temperature": 20, "amount": a}) for a in (0, 5)]
        assert hint.mean(torch.from_numpy(np.array(x))).tolist() == pytest.approx([10, 60])

    def test_options_left_out_of_a_ranking_come_last_and_are_alike(self) -> None:
        spec = reaction_spec()
        space = build_space(spec)

        hint = guessed(space, build_objective(spec).targets[0], {"alcohol": ["phenol", "butanol"]}, seed=0)

        x = np.array([space.coordinates({"alcohol": a, "base": "weak", "temperature": 20}) for a in ALCOHOLS])
        means = dict(zip(ALCOHOLS, hint.mean(torch.from_numpy(x)).tolist(), strict=True))
        assert means["phenol"] > means["butanol"] > means["methanol"]
        assert means["methanol"] == means["ethanol"] == means["propanol"]

    def test_a_value_to_be_matched_is_looked_for_where_it_is_expected(self) -> None:
        numbers = {"type": "number", "low": 0.0, "high": 10.0}
        spec = CampaignSpec.from_resolved(
            {
                **reaction_spec({"pH": {"goal": "match", "value": 7.0, "within": 0.2}}, batch=5).resolved(),
                "space": {"acid": {"type": "category", "options": ["A", "B", "C"]}, "a": numbers, "b": numbers},
                "prior": {"pH": {"acid": {"A": 6.0, "B": 7.0, "C": 8.0}}},
            }
        )

        batch = plan(spec, History(), seed=0, experiments=5)

        chosen = [p.candidate.settings["acid"] for p in batch.proposals if p.arm is Arm.MODEL]
        assert len(chosen) == 3
        assert "B" in chosen

    def test_a_prior_that_is_wrong_is_dropped(self) -> None:
        spec = prior_spec({"alcohol": {"methanol": 95, "phenol": 5, "butanol": 10}, "base": ["weak", "strong"]})
        own = seen(spec, [(s, alcohol_yield(s)) for s in settings_of(spec)[::2]])

        batch = plan(spec, own, seed=0, experiments=3)

        assert any("the prior is dropped on yield" in note for note in batch.notes)


def prior_spec(
    prior: dict[str, Any], *, objective: dict[str, Any] | None = None, target: str = "yield"
) -> CampaignSpec:
    spec = reaction_spec(objective, batch=5, initial={"experiments": 5}).resolved()
    return CampaignSpec.from_resolved({**spec, "prior": {target: prior}})


def test_what_a_source_is_said_to_expect_is_something_that_can_be() -> None:
    spec = reaction_spec(batch=8, initial={"experiments": 8})
    theirs = reaction_spec({"yield": {"goal": "maximize", "unit": "%"}})
    source = earlier_of(lambda s: 3 * alcohol_yield(s) - 90, 30, spec=theirs)

    batch = plan(spec, History(), seed=0, experiments=8, earlier=[source])

    stated = [p.mean for proposal in batch.proposals for p in proposal.predictions]
    assert (min(stated), max(stated)) == (0.0, 100.0)
    chosen = [alcohol_yield(p.candidate.settings) for p in batch.proposals if p.arm is Arm.MODEL]
    assert max(chosen) == 80.0  # the choice goes by what is expected, beyond the range too


def test_a_source_that_falls_just_short_is_not_said_to_keep_the_rule() -> None:
    hint = Hint("before", "campaign", torch.zeros_like, 1.0, 12, 1.0, "12 results", frozenset({0}))

    said = Judged(hint, 0.998, 0.0, 0.0, 6).said("yield")

    assert "6 results are e^0.99 times as likely with it as without, and e^1.0 is asked for" in said


def test_what_comes_first_does_not_depend_on_how_many_candidates_are_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = reaction_spec(batch=3, surrogate="gp", initial={"experiments": 6, "hottest": False})
    guesses = {"alcohol": {"methanol": 5.0, "ethanol": 10.0, "propanol": 15.0, "butanol": 90.0, "phenol": 2.0}}
    spec = CampaignSpec.from_resolved({**spec.resolved(), "prior": {"yield": guesses}})
    monkeypatch.setattr(first, "SHORTLIST", 6)  # as many as there are conditions with one alcohol

    def chosen() -> list[str]:
        made = plan(spec, History(), seed=1, experiments=9).proposals
        return [str(p.candidate.settings["alcohol"]) for p in made if p.acquisition == "first"]

    at_once = chosen()
    monkeypatch.setattr(streaming, "CHUNK", 6)  # those with one alcohol after the other

    assert set(at_once) == {"butanol"}
    assert chosen() == at_once
