"""What an adapter declares, and what it names before anything moves (law 5)."""

from __future__ import annotations

from dataclasses import asdict, replace

from loop.contracts import (
    Adapter,
    Capabilities,
    ChecksTogether,
    Delivery,
    ExperimentSpec,
    Found,
    Health,
    JudgesTogether,
)
from loop.testing.adapter.material import KEY, CountRuns, Make


class DeclaringLaws:
    """A part of ``AdapterContract``."""

    def test_the_adapter_has_every_method_of_the_contract(self, make_adapter: Make) -> None:
        assert isinstance(make_adapter(), Adapter)

    def test_capabilities_are_declared_and_do_not_change(self, make_adapter: Make) -> None:
        declared = make_adapter().capabilities()

        assert isinstance(declared, Capabilities)
        assert isinstance(declared.delivery, Delivery)
        assert declared.max_parallel is None or declared.max_parallel >= 1
        assert make_adapter().capabilities() == declared

    def test_health_is_told_with_a_word_for_a_person(self, make_adapter: Make) -> None:
        health = make_adapter().health()

        assert isinstance(health, Health)
        assert health.message

    def test_an_experiment_that_can_be_done_has_no_problem(
        self, make_adapter: Make, experiment: ExperimentSpec
    ) -> None:
        assert list(make_adapter().validate(experiment)) == []

    def test_an_experiment_that_can_be_done_lacks_nothing_alone(
        self, make_adapter: Make, experiment: ExperimentSpec
    ) -> None:
        adapter = make_adapter()

        if isinstance(adapter, JudgesTogether):
            adapter.judge([experiment], [])
            assert list(adapter.judged()) == []
        if isinstance(adapter, ChecksTogether):
            assert list(adapter.wanting([experiment], [])) == []
            assert not isinstance(adapter.find(KEY), Found)

    def test_an_experiment_that_cannot_be_done_is_named(self, make_adapter: Make, refused: ExperimentSpec) -> None:
        problems = list(make_adapter().validate(refused))

        assert problems
        for problem in problems:
            assert problem.subject
            assert problem.rule
            assert problem.remedy

    def test_a_property_that_is_not_measured_is_named(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        asked = replace(experiment, targets={**experiment.targets, "no_such_property": ""})

        if adapter.capabilities().properties is not None:
            assert any("no_such_property" in str(problem) for problem in adapter.validate(asked))

    def test_a_parameter_that_cannot_be_set_is_named(self, make_adapter: Make, experiment: ExperimentSpec) -> None:
        adapter = make_adapter()
        asked = replace(experiment, settings={**experiment.settings, "no_such_parameter": 1.0})

        if adapter.capabilities().parameters is not None:
            assert any("no_such_parameter" in str(problem) for problem in adapter.validate(asked))

    def test_validating_changes_nothing(
        self, make_adapter: Make, experiment: ExperimentSpec, refused: ExperimentSpec, count_runs: CountRuns
    ) -> None:
        adapter = make_adapter()
        before = asdict(refused)
        first = list(adapter.validate(refused))
        adapter.validate(experiment)

        assert list(adapter.validate(refused)) == first
        assert asdict(refused) == before
        assert count_runs(KEY) == 0
        assert not isinstance(adapter.find(KEY), Found)
