"""Sources whose spaces are odd: versions of a measurement, what does not always apply, numbers on other scales."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from campaigns import measured, observe
from earlier import hint_of

from loop.history import History
from loop.memory.earlier import Earlier
from loop.memory.hint import Hint
from loop.memory.overlap import overlap
from loop.planner import plan
from loop.space import Continuous, Discrete, Parameter, Space, sample_space
from loop.spec import CampaignSpec, build_objective, build_space

SOLVENTS = {"type": "category", "options": ["water", "ethanol", "DMSO"]}
HOURS = {"type": "number", "values": [1, 2, 4, 8], "unit": "h"}
VERSIONS = {"type": "fidelity", "options": ["calculated", "measured"]}
MODE = {"type": "category", "options": ["solution", "neat"]}
HEAT = {"type": "number", "low": 20, "high": 60}


def spec_over(name: str = "now", **space: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": name,
            "space": space,
            "objective": {"yield": {"goal": "maximize"}},
            "planner": {"batch": 5, "initial": {"experiments": 5}},
            "budget": {"experiments": 30},
            "laboratory": {"adapter": "manual"},
        }
    )


def source(spec: CampaignSpec, results: list[tuple[Mapping[str, Any], float]]) -> Earlier:
    seen = tuple(observe(spec, s, measured(**{"yield": y}), f"o{i}") for i, (s, y) in enumerate(results))
    return Earlier("before", spec, History(seen))


def drawn(spec: CampaignSpec, response: Callable[[Mapping[str, Any]], float], n: int = 14) -> Earlier:
    space = build_space(spec)
    return source(spec, [(s := space.settings(x), response(s)) for x in sample_space(space, n, 0)])


def hint(spec: CampaignSpec, earlier: Earlier) -> Hint | str:
    return hint_of(build_space(spec), build_objective(spec).targets[0], earlier, seed=0)


class TestOfVersionsOfAMeasurement:
    def results(self, measured_ones: int) -> Earlier:
        """The calculation has everything upside down."""
        spec = spec_over("before", solvent=SOLVENTS, hours=HOURS, version=VERSIONS)
        every = [{"solvent": s, "hours": h} for s in SOLVENTS["options"] for h in HOURS["values"]]
        calculated = [({**s, "version": "calculated"}, 100.0 - 10 * s["hours"]) for s in every]
        return source(
            spec, calculated + [({**s, "version": "measured"}, 10.0 * s["hours"]) for s in every[:measured_ones]]
        )

    def test_only_the_real_thing_is_learnt_from(self) -> None:
        spec = spec_over(solvent=SOLVENTS, hours=HOURS)

        found = hint(spec, self.results(8))

        assert isinstance(found, Hint)
        assert found.rows == 8
        space = build_space(spec)
        one, eight = (space.coordinates({"solvent": "DMSO", "hours": h}) for h in (1, 8))
        assert found.mean(torch.from_numpy(eight)) > found.mean(torch.from_numpy(one)) + 20

    def test_and_too_few_of_it_are_said_to_be(self) -> None:
        found = hint(spec_over(solvent=SOLVENTS, hours=HOURS), self.results(3))

        assert found == "it has 3 results of yield by the real thing, and 5 are needed"


class TestOfWhatDoesNotAlwaysApply:
    @pytest.mark.parametrize(("here", "there"), [(True, True), (True, False), (False, True)])
    def test_options_may_be_absent_here_or_there_beside_continuous_numbers(self, here: bool, there: bool) -> None:
        gated = {**SOLVENTS, "unless": {"mode": "neat"}}
        spec, before = (
            spec_over(name, mode=MODE, solvent=gated if is_gated else SOLVENTS, heat=HEAT)
            for name, is_gated in (("now", here), ("before", there))
        )

        batch = plan(
            spec,
            History(),
            seed=0,
            experiments=5,
            earlier=[drawn(before, lambda s: s["heat"] + 30 * (s.get("solvent") == "DMSO"))],
        )

        assert batch.proposals[0].candidate.settings["solvent"] == "DMSO"
        assert "source 'before' is heard" in batch.notes[0]

    def test_in_a_continuous_space_the_first_points_lie_apart(self) -> None:
        spec, before = (spec_over(n, solvent=SOLVENTS, heat=HEAT) for n in ("now", "before"))

        batch = plan(spec, History(), seed=0, experiments=5, earlier=[drawn(before, lambda s: s["heat"])])

        heard = [p.candidate.settings for p in batch.proposals if p.acquisition == "first"]
        assert heard
        for i, one in enumerate(heard):
            for other in heard[:i]:
                assert one["solvent"] != other["solvent"] or abs(one["heat"] - other["heat"]) >= 0.2 * 40
        assert len(batch.proposals) == 5

    def test_a_number_that_does_not_apply_is_not_converted(self) -> None:
        here, there = (
            build_space(spec_over(mode=MODE, heat={**number, "unless": {"mode": "neat"}}))
            for number in (
                {"type": "number", "values": [20, 60], "unit": "degC"},
                {"type": "number", "values": [300, 350], "unit": "K"},
            )
        )
        x = np.array([there.coordinates({"mode": "neat"}), there.coordinates({"mode": "solution", "heat": 350})])

        assert overlap(here, there).there(x) == pytest.approx(np.array([[1.0, 0.0], [0.0, 76.85]]))
        assert here.coordinates({"mode": "neat"}).tolist() == [1.0, 0.0]


class TestOfNumbersOnAnotherScale:
    @pytest.mark.parametrize(
        ("here", "there", "both"),
        [
            (
                Discrete("x", (0.1, 1.0, 10.0), scale="log"),
                Discrete("x", (0.0, 5.0)),
                Discrete("x", (0.0, 0.1, 1.0, 5.0, 10.0), scale="log", or_zero=True),
            ),
            (
                Discrete("x", (0.1, 1.0, 10.0), scale="log"),
                Discrete("x", (-1.0, 5.0)),
                Discrete("x", (0.1, 1.0, 5.0, 10.0), scale="log"),
            ),
            (
                Discrete("x", (0.0, 1.0, 10.0), or_zero=True),
                Discrete("x", (-1.0, 5.0)),
                Discrete("x", (0.0, 1.0, 5.0, 10.0), or_zero=True),
            ),
            (
                Discrete("x", (0.0, 1.0, 10.0), scale="log", or_zero=True),
                Continuous("x", 0.5, 20.0),
                Continuous("x", 0.5, 20.0, scale="log", or_zero=True),
            ),
            (
                Continuous("x", 0.1, 1.0, scale="log"),
                Continuous("x", -2.0, 5.0),
                Continuous("x", 0.1, 5.0, scale="log"),
            ),
            (
                Continuous("x", 0.5, 1.0, or_zero=True),
                Continuous("x", 0.0, 2.0),
                Continuous("x", 0.5, 2.0, or_zero=True),
            ),
            (Continuous("x", 0.0, 1.0), Continuous("x", -2.0, 0.5), Continuous("x", -2.0, 1.0)),
        ],
    )
    def test_this_campaigns_scale_counts(self, here: Parameter, there: Parameter, both: Parameter) -> None:
        assert overlap(Space((here,)), Space((there,))).shared[0].parameter == both

    def test_a_campaign_is_planned_whatever_another_had_as_amounts(self) -> None:
        logarithmic = {"type": "number", "values": [0.1, 1, 10], "scale": "log"}
        spec = spec_over(solvent=SOLVENTS, amount=logarithmic)
        before = spec_over("before", solvent=SOLVENTS, amount={"type": "number", "values": [0, 1, 10]})

        batch = plan(spec, History(), seed=0, experiments=5, earlier=[drawn(before, lambda s: s["amount"], 9)])

        assert batch.proposals[0].candidate.settings["amount"] == 10.0


class TestOfTreesAmongTheMembers:
    """Committees of numbers alone and of libraries have trees, which are asked of no row before the first result."""

    def test_numbers_alone_are_planned_by_a_source(self) -> None:
        spec, before = (
            spec_over(name, hours=HOURS, heat={"type": "number", "values": [20, 40, 60]}) for name in ("now", "before")
        )

        batch = plan(
            spec, History(), seed=0, experiments=5, earlier=[drawn(before, lambda s: s["heat"] + s["hours"], 8)]
        )

        assert batch.proposals[0].candidate.settings["heat"] == 60.0

    def test_a_library_is_planned_by_a_source(self) -> None:
        molecules = {
            "type": "molecule",
            "options": {"C" * n + tail: "C" * n + tail for n in range(1, 7) for tail in "ON"},
        }
        spec, before = (spec_over(name, molecule=molecules) for name in ("now", "before"))

        batch = plan(spec, History(), seed=0, experiments=5, earlier=[drawn(before, lambda s: len(s["molecule"]), 9)])

        assert "source 'before' is heard on yield (9 results" in batch.notes[0]
