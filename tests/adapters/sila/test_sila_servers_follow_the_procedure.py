"""Recipes on SiLA 2 servers: the procedure is there before the experiment, and nothing is sent where none is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")

from adapters.errors import AdapterOptionsError
from adapters.registry import binding
from adapters.sila import options as sila2
from adapters.sila.connection import Connection, Lacking, Refused, Security
from adapters.sila.features import PROCEDURES
from adapters.sila.messages import procedure_parameters_of
from loop import checkpoints
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Phase, Unknown
from loop.errors import AdapterUnavailable
from loop.recipe.told import in_full
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.helpers import context, free_port
from tests.adapters.plates.robots import experiment, recipe
from tests.adapters.sila.sila_bench import SilaBench

EXPERIMENT = experiment()
WANTED = in_full(recipe(), EXPERIMENT.settings)


@pytest.fixture(params=[True])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SilaBench]:
    at_work = SilaBench(tmp_path / "bench", follows=request.param)
    yield at_work
    at_work.stop()
    checkpoints.on_reached = None


@pytest.fixture
def make(tmp_path: Path, bench: SilaBench) -> Callable[..., Any]:
    def build(**options: Any) -> Any:
        said = {"address": bench.address, "trust": "nothing", "timeout": 5.0, **options}
        return sila2.build(said, replace(context(tmp_path), recipe=recipe()))

    return build


class TestSila2WithARecipe(AdapterContract):
    @pytest.fixture
    def make_adapter(self, make: Callable[..., Any]) -> Callable[[], Adapter]:
        return make

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, bench: SilaBench) -> Callable[[AttemptKey], int]:
        return lambda key: bench.runs()[key]


def go_on(adapter: Any, keys: tuple[AttemptKey, ...] = (KEY, OTHER)) -> bool:
    """As the engine does; whether all of them are over, or in doubt."""
    over = []
    for key in keys:
        found = adapter.find(key)
        if isinstance(found, Absent) or (isinstance(found, Found) and not found.started):
            adapter.start(adapter.prepare(EXPERIMENT, key), key)
        over.append(isinstance(found, Unknown) or (isinstance(found, Found) and _is_over(adapter, found)))
    return all(over)


def _is_over(adapter: Any, found: Found) -> bool:
    return adapter.status(found.handle).phase is Phase.ENDED  # type: ignore[no-any-return]


def until_over(make: Callable[..., Any], bench: SilaBench) -> None:
    for _ in range(1000):
        with suppress(AdapterUnavailable, Killed):
            if go_on(make()):
                return
        if bench.is_dead:
            bench.restart()
        threading.Event().wait(0.005)
    pytest.fail("it does not end")


class Killed(BaseException):
    """hakken was killed."""


def test_an_experiment_is_run_by_the_procedure_of_the_recipe(make: Callable[..., Any], bench: SilaBench) -> None:
    until_over(make, bench)

    assert bench.followed == [WANTED] * 2
    assert WANTED["text"].startswith("Dispense 20 µL of halide, 0.5 mol/L in DMSO (10 µmol, 1 equiv).")
    assert WANTED["steps"][0]["values"]["volume"] == pytest.approx(20.0)
    assert make().health().is_ok


@pytest.mark.parametrize("label", ["sila2.instructed", "sila2.accepted", "sila2.sending", "sila2.sent"])
def test_hakken_is_killed_and_nothing_runs_without_its_procedure(
    make: Callable[..., Any], bench: SilaBench, label: str
) -> None:
    killed = []

    def kill(reached: str) -> None:
        if reached == label and len(killed) < 2:
            killed.append(label)
            raise Killed

    checkpoints.on_reached = kill
    until_over(make, bench)

    assert len(killed) == 2
    assert bench.followed == [WANTED] * 2
    assert bench.runs() == {KEY: 1, OTHER: 1}


@pytest.mark.parametrize("step", ["instructed", "accepted", "waiting"])
def test_the_server_dies_and_nothing_runs_without_its_procedure(
    make: Callable[..., Any], bench: SilaBench, step: str
) -> None:
    died = []

    def dies_at(reached: str) -> bool:
        dies = reached == step and not died
        died.extend([step] if dies else [])
        return dies

    bench.dies_at = dies_at
    until_over(make, bench)

    assert died == [step]
    assert all(procedure == WANTED for procedure in bench.followed)
    assert max(bench.runs().values()) == 1


@pytest.mark.parametrize("bench", [False], indirect=True)
def test_a_server_that_takes_no_procedure_gets_nothing_of_a_campaign_with_a_recipe(
    make: Callable[..., Any], bench: SilaBench
) -> None:
    adapter = make()
    with pytest.raises(AdapterUnavailable, match=r"takes no procedure: .*ProcedureReceiver/v1; .* procedure: left out"):
        adapter.prepare(EXPERIMENT, KEY)
    health = adapter.health()

    assert not health.is_ok
    assert "takes no procedure" in health.message
    assert not list((bench.folder / "keys").glob("key-*.json"))


@pytest.mark.parametrize("bench", [True, False], indirect=True)
def test_where_the_file_says_so_a_server_works_by_a_method_of_its_own(
    make: Callable[..., Any], bench: SilaBench
) -> None:
    until_over(lambda: make(procedure="left out"), bench)

    assert make(procedure="left out").health().is_ok
    assert bench.runs() == {KEY: 1, OTHER: 1}
    assert set(bench.followed) <= {None}


def test_a_recipe_that_was_mended_counts_until_the_experiment_is_told_to_run(
    make: Callable[..., Any], bench: SilaBench
) -> None:
    connection = Connection(bench.address, Security(is_insecure=True), 5.0)
    earlier = {"text": "Pour.", "steps": [{"does": "dispense"}]}

    def send(procedure: dict[str, Any]) -> None:
        connection.command(PROCEDURES, "ReceiveProcedure", **procedure_parameters_of(procedure, KEY, 0))

    send(earlier)
    handle = make().prepare(EXPERIMENT, KEY)
    send(earlier)
    make().start(handle, KEY)
    until_over(make, bench)
    send(WANTED)  # the same again

    with pytest.raises(Refused, match=r"attempt 0 of .* is Finished"):
        send(earlier)
    connection.close()
    assert bench.followed[0] == WANTED


@pytest.mark.parametrize(
    "steps", ["", "{}", '["pour"]', '[{"pour": 1}]', "[" * 100_000, "\u0000", '[{"does": "dispense"}']
)
def test_steps_that_nobody_can_read_are_refused_and_not_kept(bench: SilaBench, steps: str) -> None:
    connection = Connection(bench.address, Security(is_insecure=True), 5.0)
    with pytest.raises(Refused, match="the steps of 'k' must be a JSON list of steps, each an object"):
        connection.command(PROCEDURES, "ReceiveProcedure", Key="k", Attempt=0, Text="Pour.", Steps=steps)
    connection.close()

    assert not list((bench.folder / "keys").glob("procedure-*"))


@pytest.mark.parametrize("bench", [False], indirect=True)
def test_a_feature_that_is_not_there_is_told_from_a_server_that_is_not(bench: SilaBench) -> None:
    connection = Connection(bench.address, Security(is_insecure=True), 1.0)
    with pytest.raises(Lacking, match="lacks a feature; hakken lab check says which"):
        connection.command(PROCEDURES, "ReceiveProcedure", **procedure_parameters_of(WANTED, KEY, 0))
    connection.close()
    nobody = Connection(f"127.0.0.1:{free_port()}", Security(is_insecure=True), 1.0)
    with pytest.raises(AdapterUnavailable) as gone:
        nobody.command(PROCEDURES, "ReceiveProcedure", **procedure_parameters_of(WANTED, KEY, 0))
    nobody.close()

    assert not isinstance(gone.value, Lacking)


def test_the_file_may_leave_procedures_out_while_attempts_wait_for_the_server() -> None:
    said = {"address": "robot:1", "timeout": 5.0}

    assert binding("sila2", {**said, "procedure": "left out"}) == binding("sila2", said) == {"address": "robot:1"}


def test_what_becomes_of_procedures_is_said_in_one_of_two_ways(tmp_path: Path) -> None:
    with pytest.raises(AdapterOptionsError, match="procedure"):
        sila2.build({"address": "robot:1", "procedure": "dropped"}, context(tmp_path))
