"""Emulator and simulated laboratory: what they measure, and that chance is decided by the seed and nothing else."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.common.folder import Jobs
from adapters.common.response import respond
from adapters.emulator import Emulator, EmulatorOptions
from adapters.errors import AdapterOptionsError, KeyReused, UnknownHandle
from adapters.registry import build
from adapters.simulated import Simulated
from adapters.table import MeasuredTable
from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase
from loop.errors import AdapterUnavailable
from loop.outcome import Fault, FaultKind, Measured, Negative, Qualifier, read_outcome
from tests.adapters.helpers import EXPERIMENT, TABLE, Clock, context

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "data"


def emulator(folder: Path, seed: int = 7, **options: Any) -> Adapter:
    (folder / "table.csv").write_text(TABLE)
    return build("emulator", {"table": "table.csv", **options}, context(folder, seed))


def simulated(folder: Path, seed: int = 7, **options: Any) -> Adapter:
    return build("simulated", options, context(folder, seed))


def run(lab: Adapter, key: str, spec: ExperimentSpec = EXPERIMENT) -> list[str]:
    """The payloads of one attempt, started as an engine would."""
    handle = lab.prepare(spec, AttemptKey(key))
    for _ in range(3):
        try:
            lab.start(handle, AttemptKey(key))
        except AdapterUnavailable:
            continue
        break
    return [envelope.payload for envelope in lab.fetch(handle)]


def outcome(payload: str) -> Any:
    return read_outcome(json.loads(payload), EXPERIMENT.targets)


def value(lab: Adapter, key: str, spec: ExperimentSpec = EXPERIMENT) -> float:
    result = outcome(run(lab, key, spec)[0])
    assert isinstance(result, Measured)
    return result.measurements[0].canonical


# The emulator


def test_the_emulator_returns_what_the_table_says_by_replicate(tmp_path: Path) -> None:
    lab = emulator(tmp_path)
    values = [value(lab, str(n), replace(EXPERIMENT, replicate_no=n)) for n in range(3)]

    assert values == [12.5, 13.5, 12.5]
    assert json.loads(run(lab, "0")[0])["provenance"]["line"] == 2


@pytest.mark.parametrize("adapter", ["emulator", "simulated"])
def test_a_condition_that_is_run_again_has_the_next_of_its_rows(tmp_path: Path, adapter: str) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    lab = build(adapter, {"table": "table.csv"}, context(tmp_path))

    assert [value(lab, key) for key in ("a", "b", "a", "c")] == [12.5, 13.5, 12.5, 12.5]


@pytest.mark.parametrize("adapter", ["emulator", "simulated"])
def test_a_limit_of_the_table_stays_one_and_what_was_not_measured_is_left_out(tmp_path: Path, adapter: str) -> None:
    (tmp_path / "table.csv").write_text("ligand,temperature,yield,ee\nPPh3,90,< 5,\n")
    both = replace(EXPERIMENT, targets={"yield": "%", "ee": "%"})
    lab = build(adapter, {"table": "table.csv", "noise": 2.0}, replace(context(tmp_path), targets=both.targets))

    (found,) = read_outcome(json.loads(run(lab, "a", both)[0]), both.targets).measurements
    assert (found.property, found.value, found.qualifier) == ("yield", 5.0, Qualifier.BELOW)


def test_a_condition_outside_the_table_is_an_input_error_if_it_is_run_all_the_same(tmp_path: Path) -> None:
    lab = emulator(tmp_path)
    asked = replace(EXPERIMENT, settings={"ligand": "PPh3", "temperature": 91.0})
    result = outcome(run(lab, "a", asked)[0])

    assert isinstance(result, Fault)
    assert result.kind is FaultKind.INPUT_ERROR
    assert "it has 90, 105; use measured values only" in result.message


def test_noise_has_the_deviation_asked_for(tmp_path: Path) -> None:
    lab = emulator(tmp_path, noise=2.0)
    values = [value(lab, str(n)) for n in range(60)]

    assert statistics.mean(values) == pytest.approx(12.5, abs=3 * 2.0 / 60**0.5)  # three standard errors
    assert statistics.stdev(values) == pytest.approx(2.0, rel=0.3)  # three times 1 / sqrt(2 n)


def test_failures_come_as_often_as_asked_for(tmp_path: Path) -> None:
    lab = emulator(tmp_path, failure=0.5)
    kinds = [json.loads(run(lab, str(n))[0])["outcome"] for n in range(60)]

    assert 18 <= kinds.count("fault") <= 42  # three standard deviations of a binomial


def test_a_delay_is_kept_by_the_clock(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    clock = Clock()
    table = MeasuredTable(tmp_path / "table.csv", {}, EXPERIMENT.targets, {})
    lab = Emulator(Jobs(tmp_path / "lab"), table, EmulatorOptions(table="table.csv", delay=60.0), clock=clock)
    handle = lab.prepare(EXPERIMENT, AttemptKey("a"))
    lab.start(handle, AttemptKey("a"))
    clock.now += 59

    assert (lab.status(handle).phase, lab.status(handle).detail) == (Phase.RUNNING, "1 s left")
    assert lab.fetch(handle) == ()
    clock.now += 1
    assert lab.status(handle).phase is Phase.ENDED
    assert json.loads(lab.fetch(handle)[0].payload)["provenance"]["wall_time_s"] == 60.0


def test_a_running_attempt_is_cancelled_for_good(tmp_path: Path) -> None:
    lab = emulator(tmp_path, delay=3600.0)
    handle = lab.prepare(EXPERIMENT, AttemptKey("a"))
    lab.start(handle, AttemptKey("a"))
    lab.cancel(handle, "budget spent")
    (envelope,) = lab.fetch(handle)
    result = outcome(envelope.payload)

    assert isinstance(result, Fault)
    assert (result.kind, result.message) == (FaultKind.CANCELLED, "budget spent")


def test_the_whole_arylation_table_can_be_run(tmp_path: Path) -> None:
    lab = build("emulator", {"table": str(EXAMPLES / "direct_arylation.csv")}, context(tmp_path))
    best = {"base": "CsOAc", "ligand": "CgMe-PPh", "solvent": "DMAc", "concentration": 0.153, "temperature": 105.0}
    asked = replace(EXPERIMENT, settings=best, units={"concentration": "mol/L", "temperature": "degC"}, smiles={})

    assert list(lab.validate(asked)) == []
    assert value(lab, "a", asked) == 100.0


# The simulated laboratory


def test_the_response_is_fixed_by_the_seed_and_lies_on_its_scale() -> None:
    points = [{"ligand": ligand, "temperature": t} for ligand in "abcdef" for t in (80.0, 95.0, 110.0)]
    ranges = {"temperature": (80.0, 110.0)}
    values = [respond(point, "yield", 1, ranges, (0.0, 100.0)) for point in points]

    assert values == [respond(point, "yield", 1, ranges, (0.0, 100.0)) for point in points]
    assert values != [respond(point, "yield", 2, ranges, (0.0, 100.0)) for point in points]
    assert values != [respond(point, "cost", 1, ranges, (0.0, 100.0)) for point in points]
    assert all(0.0 < v < 100.0 for v in values)
    assert max(values) - min(values) > 20.0  # there is something to find


def test_the_response_is_smooth_in_numbers() -> None:
    def at(temperature: float) -> float:
        return respond({"t": temperature}, "yield", 1, {"t": (80.0, 110.0)}, (0.0, 100.0))

    steps = [abs(at(80 + (n + 1) * 0.3) - at(80 + n * 0.3)) for n in range(100)]
    assert max(steps) < 3.0


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_of_failure_can_be_had(tmp_path: Path, kind: FaultKind) -> None:
    result = outcome(run(simulated(tmp_path, failures={kind.value: 1.0}), "a")[0])

    assert isinstance(result, Fault)
    assert result.kind is kind


@pytest.mark.parametrize("adapter", ["emulator", "simulated"])
def test_levels_of_a_measured_table_are_told_as_they_were_measured(tmp_path: Path, adapter: str) -> None:
    (tmp_path / "table.csv").write_text("ligand,temperature,yield\nPPh3,90,Mid\n")
    levels, words = {"yield": (1.0, 2.0, 3.0)}, {"yield": ("low", "mid", "high")}
    graded = replace(context(tmp_path), levels=levels, words=words)
    lab = build(adapter, {"table": "table.csv", "noise": 0.1}, graded)

    told = [read_outcome(json.loads(run(lab, str(n))[0]), EXPERIMENT.targets, levels, words) for n in range(5)]
    assert [m.canonical for o in told if isinstance(o, Measured) for m in o.measurements] == [2.0] * 5


def test_below_the_detection_limit_the_outcome_is_negative_with_the_limit(tmp_path: Path) -> None:
    result = outcome(run(simulated(tmp_path, detection_limit={"yield": 101.0}), "a")[0])

    assert isinstance(result, Negative)
    assert (result.measurements[0].value, result.measurements[0].qualifier) == (101.0, Qualifier.BELOW)


@pytest.mark.parametrize(
    ("said", "grades"), [("words", ("dead", "alive")), ("words", ("low", "mid", "high")), ("levels", (1.0, 2.0, 4.0))]
)
def test_a_target_that_is_told_in_words_or_at_levels_is_told_so(
    tmp_path: Path, said: str, grades: tuple[str | float, ...]
) -> None:
    options = {"noise": {"yield": 60.0}}  # beyond either end of the scale
    plain = simulated(tmp_path / "plain", **options)
    lab = build("simulated", options, replace(context(tmp_path / "graded", 7), **{said: {"yield": grades}}))
    number, told = (
        [json.loads(run(made, str(n), replace(EXPERIMENT, replicate_no=n))[0])["values"][0]["value"] for n in range(30)]
        for made in (plain, lab)
    )

    assert told == [grades[min(max(int(y / 100 * len(grades)), 0), len(grades) - 1)] for y in number]
    assert set(told) == set(grades)


def test_drift_grows_with_every_experiment(tmp_path: Path) -> None:
    lab = simulated(tmp_path, drift=1.5)
    values = [value(lab, str(n)) for n in range(4)]

    assert [b - a for a, b in pairwise(values)] == pytest.approx([1.5, 1.5, 1.5])


def test_a_lost_reply_is_found_started_and_a_lost_request_is_found_inert(tmp_path: Path) -> None:
    lost = {}
    for option in ("lost_replies", "lost_requests"):
        lab = simulated(tmp_path / option, **{option: 1.0})
        handle = lab.prepare(EXPERIMENT, AttemptKey("a"))
        with pytest.raises(AdapterUnavailable, match="look the key up"):
            lab.start(handle, AttemptKey("a"))
        found = lab.find(AttemptKey("a"))
        assert isinstance(found, Found)
        lost[option] = found.started

    assert lost == {"lost_replies": True, "lost_requests": False}


def test_envelopes_come_twice_contradict_or_are_cut_off_as_asked(tmp_path: Path) -> None:
    twice = run(simulated(tmp_path / "a", duplicates=1.0), "a")
    contradicting = run(simulated(tmp_path / "b", contradictions=1.0), "a")
    cut = run(simulated(tmp_path / "c", malformed=1.0), "a")

    assert twice[0] == twice[1]
    assert [json.loads(payload)["outcome"] for payload in contradicting] == ["measured", "fault"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut[0])


def test_a_table_can_stand_for_the_chemistry(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    lab = simulated(tmp_path, table="table.csv")

    assert value(lab, "a") == 12.5
    assert lab.validate(replace(EXPERIMENT, settings={"ligand": "PPh3", "temperature": 1.0}))


TROUBLE = {
    "noise": 3.0,
    "failures": {"timeout": 0.2, "random_error": 0.2},
    "lost_replies": 0.3,
    "lost_requests": 0.3,
    "duplicates": 0.3,
    "detection_limit": {"yield": 20.0},
}


def campaign(folder: Path, prefix: str, objects: int, **options: Any) -> list[list[str]]:
    """Twelve attempts at three experiments; ``objects`` says how often a new adapter object takes over."""
    (folder).mkdir(parents=True, exist_ok=True)
    results = []
    lab = simulated(folder, **options)
    for n in range(12):
        if objects and n % objects == 0:
            lab = simulated(folder, **options)
        spec = replace(EXPERIMENT, settings={"ligand": "abc"[n % 3], "temperature": 90.0})
        results.append(run(lab, f"{prefix}{n}", spec))
    return results


def test_results_depend_on_neither_keys_nor_interruptions(tmp_path: Path) -> None:
    one = campaign(tmp_path / "one", "x", 0, **TROUBLE)

    assert campaign(tmp_path / "two", "y", 1, **TROUBLE) == one
    assert len({payload for payloads in one for payload in payloads}) > 6  # and the twelve are not all the same
    assert campaign(tmp_path / "three", "x", 0, **TROUBLE, seed=8) != one


def test_a_start_cut_short_keeps_its_place_in_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [value(simulated(tmp_path / "whole", noise=3.0), key) for key in "ab"]
    lab = simulated(tmp_path / "cut", noise=3.0)
    handle = lab.prepare(EXPERIMENT, AttemptKey("a"))
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "start", _killed)
        with pytest.raises(KeyboardInterrupt):
            lab.start(handle, AttemptKey("a"))

    assert [value(simulated(tmp_path / "cut", noise=3.0), key) for key in "ab"] == whole


def _killed(*_: object) -> bool:
    raise KeyboardInterrupt


# Both


def test_a_key_cannot_be_used_for_another_experiment(tmp_path: Path) -> None:
    lab = simulated(tmp_path)
    lab.prepare(EXPERIMENT, AttemptKey("a"))

    with pytest.raises(KeyReused, match="key 'a' was prepared for another experiment"):
        lab.prepare(replace(EXPERIMENT, replicate_no=1), AttemptKey("a"))
    with pytest.raises(UnknownHandle, match="prepare the attempt first"):
        lab.start(Handle("a"), AttemptKey("b"))


def test_a_torn_line_in_the_order_is_passed_over(tmp_path: Path) -> None:
    lab = simulated(tmp_path, drift=1.0)
    first = value(lab, "a")
    with (tmp_path / "lab" / "order.jsonl").open("a") as file:
        file.write('["b", "f00')

    assert value(lab, "c") == pytest.approx(first + 1.0)


def test_a_damaged_file_is_unavailable_and_says_which(tmp_path: Path) -> None:
    lab = simulated(tmp_path)
    handle = lab.prepare(EXPERIMENT, AttemptKey("a"))
    lab.start(handle, AttemptKey("a"))
    for text, message in [("{", "is not JSON"), ("[]", "must hold a JSON object")]:
        (tmp_path / "lab" / "jobs" / handle / "started.json").write_text(text)
        with pytest.raises(AdapterUnavailable, match=rf"started\.json {message}"):
            lab.fetch(handle)


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("a file where the folder should be")

    with pytest.raises(AdapterUnavailable, match="check the folder"):
        simulated(tmp_path).prepare(EXPERIMENT, AttemptKey("a"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("emulator", {}, "option 'table' is missing; add it to the laboratory section"),
        ("emulator", {"tabel": "x"}, "unknown option 'tabel' (did you mean 'table'?)"),
        ("emulator", {"table": 3}, "option 'table' must be: a valid string; got 3; write it in quotes"),
        ("emulator", {"table": "x", "noise": -1.0}, "option 'noise' must be: greater than or equal to 0"),
        ("emulator", {"table": "x", "failure": 1.5}, "option 'failure' must be: less than or equal to 1; got 1.5"),
        ("emulator", {"table": "x", "delay": "1 s"}, "option 'delay' must be: a valid number; got '1 s'"),
        ("emulator", {"table": "x", "columns": ["a"]}, "option 'columns' must be: a valid dictionary; got ['a']"),
        ("simulated", {"failures": {"timout": 0.1}}, "'timout' is none (did you mean 'timeout'?)"),
        ("simulated", {"failures": {"timeout": 0.6, "unknown": 0.6}}, "rates that add up to 1 at most"),
        ("simulated", {"ranges": {"t": [5.0, 5.0]}}, "low and high with low below high, also for t"),
        ("simulated", {"scale": {"yield": [5.0]}}, "option 'scale.yield' must be"),
        ("manual", {"worksheet": 1}, "option 'worksheet' must be: a valid string; got 1"),
        ("xtb", {"workers": 0}, "option 'workers' must be: greater than or equal to 1; got 0"),
        ("xtb", {"timeout": float("inf")}, "option 'timeout' must be: a finite number; got inf"),
    ],
)
def test_a_wrong_option_is_named_with_the_remedy(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AdapterOptionsError) as caught:
        build(name, options, replace(context(tmp_path), targets={}))

    assert message in str(caught.value)
    assert f"laboratory {name!r}: " in str(caught.value)


def test_building_writes_nothing(tmp_path: Path) -> None:
    lab = simulated(tmp_path)
    lab.validate(EXPERIMENT)
    lab.find(AttemptKey("a"))
    lab.health()

    assert isinstance(lab, Simulated)
    assert list(tmp_path.iterdir()) == []
