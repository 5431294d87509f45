"""Devices behind an exchange folder: the contract, templates both ways, and whatever may befall files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.common.folder import Jobs
from adapters.csv_folder import CsvFolder, CsvFolderOptions, build
from adapters.errors import AdapterOptionsError
from adapters.registry import build as build_by_name
from loop import checkpoints
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.errors import AdapterUnavailable
from loop.outcome import Fault, FaultKind, Measured, Negative, read_outcome
from loop.spec import CampaignSpec, read_spec
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.helpers import EXPERIMENT, Clock, context
from tests.adapters.rigs import STEPS, Crashed, FolderRig, rows_of, table

MOVES = {"folder": "rig", "taken": "taken"}
STATUS = {"status": {"column": "outcome", "measured": ["done"], "unknown": ["lost track"]}}


class TestCsvFolder(AdapterContract):
    options: ClassVar[dict[str, Any]] = MOVES

    @pytest.fixture
    def rig(self, tmp_path: Path) -> FolderRig:
        return FolderRig(tmp_path / "rig", takes="taken" in self.options)

    @pytest.fixture
    def make_adapter(self, tmp_path: Path, rig: FolderRig) -> Callable[[], Adapter]:
        return lambda: build(self.options, context(tmp_path))

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, rig: FolderRig) -> Callable[[AttemptKey], int]:
        return lambda key: rig.runs()[key]

    @pytest.fixture
    def finish(self, rig: FolderRig) -> Callable[[Adapter, Handle], None]:
        def let_it_work(_adapter: Adapter, _handle: Handle) -> None:
            while rig.work():
                pass

        return let_it_work

    @pytest.fixture
    def shuffles(self) -> int:
        return 15


class TestCsvFolderOfADeviceThatDeletesCommands(TestCsvFolder):
    options: ClassVar[dict[str, Any]] = {"folder": "rig"}


class Killed(BaseException):
    """hakken was killed."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rig(tmp_path: Path, clock: Clock) -> FolderRig:
    return FolderRig(tmp_path / "rig", clock=clock)


@pytest.fixture
def make(tmp_path: Path, clock: Clock, rig: FolderRig) -> Callable[..., CsvFolder]:
    """A new adapter on the same folders."""

    def adapter(**options: Any) -> CsvFolder:
        assert rig.folder.exists()
        read = CsvFolderOptions.model_validate({**MOVES, "response": STATUS, **options})
        return CsvFolder(Jobs(tmp_path / "lab"), tmp_path, read, EXPERIMENT.targets, None, clock)

    return adapter


@pytest.fixture(autouse=True)
def _nobody_listens() -> Iterator[None]:
    yield
    checkpoints.on_reached = None


def begin(adapter: Adapter, key: AttemptKey = KEY) -> Handle:
    handle = adapter.prepare(EXPERIMENT, key)
    adapter.start(handle, key)
    return handle


def answer(rig: FolderRig, name: str, text: str) -> Path:
    path = rig.folder / "responses" / name
    path.write_text(text, encoding="utf-8")
    return path


def commands(rig: FolderRig) -> list[Path]:
    return sorted((rig.folder / "commands").iterdir())


def outcome(adapter: Adapter, handle: Handle) -> Any:
    envelope, *_ = adapter.fetch(handle)
    return read_outcome(json.loads(envelope.payload), EXPERIMENT.targets)


# --- one command, whatever is killed


@pytest.mark.parametrize("label", ["folder.prepared", "staged", "prepared", "published", "started", "collected"])
@pytest.mark.parametrize("times", [1, 2])
def test_hakken_is_killed_and_each_command_goes_out_once(
    make: Callable[..., CsvFolder], rig: FolderRig, label: str, times: int
) -> None:
    label = label if "." in label else f"csv_folder.{label}"
    seen = 0

    def kill(reached: str) -> None:
        nonlocal seen
        seen += reached == label
        if reached == label and seen == times:
            raise Killed

    checkpoints.on_reached = kill
    for _ in range(6):  # as the engine does: look the key up, start what lies inert, prepare what is absent
        try:
            adapter = make()
            for key in (KEY, OTHER):
                found = adapter.find(key)
                if isinstance(found, Absent):
                    adapter.start(adapter.prepare(EXPERIMENT, key), key)
                elif isinstance(found, Found) and not found.started:
                    adapter.start(found.handle, key)
            rig.work()
            rig.work()
        except Killed:
            continue

    assert seen >= times
    assert rig.runs() == {KEY: 1, OTHER: 1}
    assert [make().status(make().prepare(EXPERIMENT, key)).phase for key in (KEY, OTHER)] == [Phase.ENDED] * 2


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("in_place", [False, True])
def test_the_device_dies_between_two_steps_and_nothing_runs_twice(
    tmp_path: Path, clock: Clock, make: Callable[..., CsvFolder], step: str, in_place: bool
) -> None:
    def die(reached: str) -> None:
        if reached == step:
            raise Crashed

    adapter = make()
    handle = begin(adapter)
    try:
        FolderRig(tmp_path / "rig", clock=clock, in_place=in_place, step=die).work()
    except Crashed:
        assert adapter.status(handle).phase in (Phase.WAITING, Phase.RUNNING, Phase.ENDED)
    rig = FolderRig(tmp_path / "rig", clock=clock, in_place=in_place)
    while rig.work():
        pass

    assert rig.runs()[KEY] <= 1
    if step in ("begun", "run"):  # it cannot tell whether it ran
        assert adapter.status(handle).phase is Phase.LOST
        assert isinstance(adapter.find(KEY), Unknown)
    else:
        assert outcome(adapter, handle).measurements[0].value == 61.5
        assert rig.runs()[KEY] == 1


def test_what_a_person_knows_never_ran_is_sent_again_under_its_key(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make()
    handle = begin(adapter)
    (first,) = commands(rig)
    answer(rig, first.name, f"key,outcome\n{KEY},lost track\n")
    assert adapter.find(KEY) == Unknown("the device does not know whether it ran: lost track")

    assert make().prepare(EXPERIMENT, KEY) == handle  # as the engine does after hakken resolve --never-ran
    assert make().find(KEY) == Found(handle, started=False)
    make().start(handle, KEY)
    make().start(handle, KEY)
    (second,) = commands(rig)  # the first lies there no more

    assert (first.name[:6], second.name[:6]) == ("000001", "000002")
    assert adapter.find(KEY) == Found(handle, started=True)
    rig.work()
    assert rig.runs() == {KEY: 1}
    assert isinstance(outcome(adapter, handle), Measured)


def test_a_late_answer_ends_a_doubt(make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock) -> None:
    adapter = make(answer_within=2.0)
    handle = begin(adapter)
    clock.now += 3 * 3600
    assert adapter.status(handle).phase is Phase.WAITING  # it lies where the device takes it up: it has not begun
    taken = commands(rig)[0].rename(rig.folder / "taken" / commands(rig)[0].name)
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now += 3 * 3600
    answer(rig, taken.name, "key,yield [%]\n" + KEY + ",6")

    assert adapter.status(handle).phase is Phase.LOST
    assert adapter.find(KEY) == Unknown(
        f"{taken.name} is without a response for more than 2 h ({taken.name} is cut off: its last line does not end; "
        "let the device end it, or say final_newline: false under response)"
    )
    answer(rig, taken.name, f"key,yield [%]\n{KEY},64\n")
    assert adapter.find(KEY) == Found(handle, started=True)
    assert outcome(adapter, handle).measurements[0].value == 64.0


def test_a_command_that_vanished_is_in_doubt_after_a_while(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make()
    handle = begin(adapter)
    commands(rig)[0].unlink()

    assert adapter.status(handle).phase is Phase.RUNNING  # shares show a move late
    clock.now += 601
    assert adapter.status(handle).phase is Phase.LOST
    assert "is in none of the folders" in make().find(KEY).why


@pytest.mark.parametrize(("options", "seconds"), [({"answer_within": 2.0}, 7201), ({}, 601)])
def test_a_clock_set_back_puts_no_doubt_off_and_one_put_right_brings_none(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, options: dict[str, Any], seconds: float
) -> None:
    adapter = make(**options)
    handle = begin(adapter)
    if options:
        commands(rig)[0].rename(rig.folder / "taken" / commands(rig)[0].name)
    else:
        commands(rig)[0].unlink()
    assert adapter.status(handle).phase is Phase.RUNNING

    clock.now -= 1e9  # a battery was empty
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now += 1e9 + 60  # put right
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now -= 86400
    assert make(**options).status(handle).phase is Phase.RUNNING
    clock.now += seconds - 60
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now += 61
    assert adapter.status(handle).phase is Phase.LOST


def test_a_device_that_deletes_what_it_takes_is_believed_to_run(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make(taken=None)
    handle = begin(adapter)
    commands(rig)[0].unlink()
    clock.now += 1e6

    assert adapter.status(handle).phase is Phase.RUNNING
    assert not adapter.capabilities().can_cancel


@pytest.mark.parametrize("label", ["csv_folder.cancelling", "csv_folder.withdrawn"])
def test_a_cancelled_command_is_taken_back_also_when_killed_meanwhile(
    make: Callable[..., CsvFolder], rig: FolderRig, label: str
) -> None:
    def kill(reached: str) -> None:
        if reached == label:
            raise Killed

    adapter = make()
    handle = begin(adapter)
    checkpoints.on_reached = kill
    with pytest.raises(Killed):
        adapter.cancel(handle, "no longer wanted")
    checkpoints.on_reached = None

    assert make().find(KEY) == Found(handle, started=True)
    assert make().status(handle).phase is Phase.ENDED
    assert outcome(make(), handle).kind is FaultKind.CANCELLED
    assert not rig.work()


def test_what_the_device_has_taken_up_is_not_cancelled(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    handle = begin(adapter)
    commands(rig)[0].rename(rig.folder / "taken" / commands(rig)[0].name)
    adapter.cancel(handle, "no longer wanted")

    assert adapter.status(handle).phase is Phase.RUNNING
    rig.work()
    assert isinstance(outcome(adapter, handle), Measured)


# --- the heartbeat


def test_a_silent_device_gets_nothing_and_is_shown(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make()
    clock.now += 300
    handle = adapter.prepare(EXPERIMENT, KEY)

    with pytest.raises(AdapterUnavailable, match=r"silent: .*heartbeat has not changed for 300 s; see whether"):
        adapter.start(handle, KEY)
    assert commands(rig) == []
    assert adapter.find(KEY) == Found(handle, started=False)
    assert not adapter.health().is_ok
    assert "has not changed for 300 s" in adapter.health().message
    rig.beat()
    adapter.start(handle, KEY)
    assert len(commands(rig)) == 1
    assert "last heartbeat 0 s ago" in adapter.health().message


@pytest.mark.parametrize("skew", [-86400.0, 86400.0])
def test_a_share_with_another_clock_is_judged_by_what_changes(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, skew: float
) -> None:
    heartbeat = rig.folder / "heartbeat"
    os.utime(heartbeat, (clock.now + skew, clock.now + skew))
    make().health()
    clock.now += 100

    assert not make().health().is_ok
    os.utime(heartbeat, (clock.now + skew, clock.now + skew))
    assert make().health().is_ok
    clock.now += 100
    assert not make().health().is_ok


def test_a_clock_set_back_makes_no_silent_device_alive(make: Callable[..., CsvFolder], clock: Clock) -> None:
    make().health()
    clock.now -= 86400
    assert make().health().is_ok
    clock.now += 100

    assert not make().health().is_ok


def test_results_of_a_device_that_fell_silent_are_taken_in(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make()
    handle = begin(adapter)
    rig.work()
    clock.now += 1000

    assert isinstance(outcome(adapter, handle), Measured)


def test_a_folder_that_is_not_there_is_never_made(tmp_path: Path) -> None:
    adapter = build({"folder": "nowhere"}, context(tmp_path))

    assert "there is no folder" in adapter.health().message
    with pytest.raises(AdapterUnavailable, match=r"there is no .*heartbeat; start its program"):
        adapter.prepare(EXPERIMENT, KEY)
    assert not (tmp_path / "nowhere").exists()


# --- templates


TEMPLATES: dict[str, Any] = {
    "command": {
        "columns": {
            "ligand": {"column": "Vial", "names": {"PPh3": "A3"}},
            "temperature": {"column": "Temp_K", "unit": "K"},
        },
        "constants": {"Protocol": "Suzuki-2"},
        "key": "SampleID",
        "number": "No",
        "delimiter": ";",
        "decimal": ",",
    },
    "response": {
        "columns": {"yield": {"column": "Area", "unit": "", "sd": "Area sd"}},
        "actual": {"temperature": {"column": "T_act", "unit": "K"}},
        "key": "SampleID",
        "status": {
            "column": "State",
            "measured": ["OK"],
            "negative": ["No product"],
            "fault": {"Clogged": "instrument_fault"},
            "unknown": ["Aborted"],
            "reason": "Note",
        },
    },
}


def test_a_command_speaks_the_devices_language(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(**TEMPLATES)
    begin(adapter)
    (path,) = commands(rig)

    assert adapter.validate(EXPERIMENT) == []
    assert path.name == f"000001-{KEY}.csv"
    assert path.read_bytes().decode() == f"SampleID;No;Vial;Temp_K;Protocol\r\n{KEY};1;A3;363,15;Suzuki-2\r\n"


def test_a_response_is_read_in_the_devices_language(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(**TEMPLATES)
    handle = begin(adapter)
    answer(rig, "r.csv", f"SampleID;Area;Area sd;State;Note;T_act;lamp\r\n{KEY};0,615;0,01;ok;fine;362,9;7\r\n")

    (measurement,) = outcome(adapter, handle).measurements
    context_ = json.loads(adapter.fetch(handle)[0].payload)["context"]
    assert (measurement.canonical, measurement.canonical_sd) == (pytest.approx(61.5), pytest.approx(1.0))
    assert context_["actual"] == {"temperature": pytest.approx(89.75)}
    assert context_["lamp"] == "7"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("No product", Negative("No product: seen by TLC")),
        ("clogged", Fault(FaultKind.INSTRUMENT_FAULT, "clogged: seen by TLC", False)),
    ],
)
def test_words_of_the_device_become_outcomes(
    make: Callable[..., CsvFolder], rig: FolderRig, state: str, expected: Any
) -> None:
    adapter = make(**TEMPLATES)
    handle = begin(adapter)
    answer(rig, "r.csv", f"SampleID,Area,State,Note\n{KEY},,{state},seen by TLC\n")

    assert outcome(adapter, handle) == expected


def test_a_word_that_no_status_names_is_said(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(**TEMPLATES)
    handle = begin(adapter)
    answer(rig, "r.csv", f"SampleID,Area,State\n{KEY},0.5,Parked\n")

    fault = outcome(adapter, handle)
    assert fault.kind is FaultKind.ANALYSIS_FAILED
    assert fault.message == "column 'State' says 'Parked', which no status names; add it to laboratory.response.status"


def test_what_the_template_cannot_say_is_named_before_anything_moves(make: Callable[..., CsvFolder]) -> None:
    columns = {"ligand": {"column": "L", "names": {"XPhos": "A1"}}, "temprature": "T", "temperature": "T2"}
    adapter = make(
        command={"columns": {**columns, "temperature": {"column": "T2", "unit": "mL"}}},
        response={
            "actual": {"temperature": {"column": "T3", "unit": "mL"}, "pressure": {"column": "P", "unit": "bar"}}
        },
    )

    assert [str(problem) for problem in adapter.validate(EXPERIMENT)] == [
        "parameter 'ligand': the device has no name for 'PPh3'; add it to laboratory.command.columns.ligand.names",
        "parameter 'temprature': the command has a column for it, and the campaign has none "
        "(did you mean 'temperature'?); correct laboratory.command.columns.temprature",
        "parameter 'temperature': a value in 'degC' cannot be given in 'mL': they measure different things; "
        "correct laboratory.command.columns.temperature.unit",
        "what was really set of 'temperature': a value in 'mL' cannot be given in 'degC': they measure different "
        "things; correct laboratory.response.actual.temperature.unit",
    ]


# --- files


def test_numbers_go_on_where_the_folder_was_emptied(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    begin(make())
    commands(rig)[0].unlink()
    (rig.folder / "responses" / "000041-somebody.csv").write_text("key\n")
    begin(make(), OTHER)

    assert [path.name[:6] for path in commands(rig)] == ["000042"]


@pytest.mark.parametrize("n", range(1, 16))
def test_a_response_cut_off_anywhere_waits_for_the_rest(make: Callable[..., CsvFolder], rig: FolderRig, n: int) -> None:
    adapter = make()
    handle = begin(adapter)
    whole = table({"key": str(KEY), "yield [%]": "61.5", "comment": 'a "good"\none'})
    answer(rig, "r.csv", whole[:-n])

    assert adapter.status(handle).phase is Phase.WAITING
    answer(rig, "r.csv", whole)
    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_a_device_that_never_ends_its_last_line_is_heard_once_the_file_rests(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make(response={"final_newline": False})
    handle = begin(adapter)
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},6")
    assert adapter.status(handle).phase is Phase.WAITING
    clock.now += 4
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5")
    clock.now += 4
    assert adapter.status(handle).phase is Phase.WAITING
    clock.now += 5

    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_passes_that_look_but_once_hear_a_device_that_never_ends_its_last_line(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    handle = begin(make())
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5")
    assert make(response={"final_newline": False}).status(handle).phase is Phase.WAITING
    clock.now += 60

    assert outcome(make(response={"final_newline": False}), handle).measurements[0].value == 61.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"key,yeild [%]\n{KEY},61.5\n", "has no column 'yield [%]', where a result is looked for"),
        (f"key,yield [mol]\n{KEY},61.5\n", "has no column 'yield [%]', where a result is looked for"),
        (f"key,yield [%]\n{KEY},61.5", "is cut off: its last line does not end; let the device end it, or say"),
        (f"key,yield [%],yield [%]\n{KEY},61.5,3\n", "has two columns 'yield [%]'; rename or remove one"),
        (f"key,yield [%]\n{KEY},61,5\n", "has a row of more cells than its header, with 61 and 5 side by side"),
        (f"key,yield [%],comment\n{KEY},61,5,\n", "has a row of more cells than its header, with 61 and 5 side"),
        (f"key,yield [%],yield sd\n{KEY},,2\n", ""),  # a table that is filled in later
    ],
)
def test_what_only_a_person_can_mend_in_a_response_is_wanted_of_one(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, text: str, says: str
) -> None:
    handle = begin(make())
    name = commands(rig)[0].name
    answer(rig, name, text)
    make().status(handle)
    clock.now += 60

    wants = make().status(handle).wants
    assert wants.startswith(f"waits, since its response {name} {says}") if says else not wants
    answer(rig, name, f"key,yield [%]\n{KEY},61.")
    assert not make().status(handle).wants  # the device writes it just now
    answer(rig, name, f"key,yield [%]\n{KEY},61.5\n")
    assert make().status(handle).phase is Phase.ENDED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "key,yield [%]\nS-12,61.5\n",
            "waits, and r.csv is of no attempt: it says 'S-12'; write the key of its command",
        ),
        ("no table\n", "waits, and r.csv is of no attempt: neither its name nor a key in it is one's; write the key"),
    ],
)
def test_an_answer_of_no_attempt_is_told_by_one_of_those_that_wait_until_it_goes_on_record(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str, says: str
) -> None:
    adapter = make()
    handles = [begin(adapter, key) for key in (KEY, OTHER)]
    answer(rig, "r.csv", text)

    told = [[adapter.status(handle).wants for handle in handles] for _ in range(2)]
    assert told[0] == told[1]
    assert told[0][0].startswith(says)
    assert told[0][1] == ""
    answer(rig, "r.csv", f"key,yield [%]\n{KEY},61.5\n")
    assert adapter.status(handles[1]).wants.startswith(says)  # the other one has its answer now
    assert outcome(adapter, handles[0]).measurements[0].value == 61.5
    assert adapter.status(handles[1]).wants == ""


def test_renamed_duplicated_foreign_and_changed_responses_are_kept_and_none_is_taken_for_another(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make()
    first, second = begin(adapter), begin(adapter, OTHER)
    answer(rig, "a name of their own.csv", f"key,yield [%]\n{KEY},61.5\n")  # renamed: its key tells
    answer(rig, "copy.csv", f"key,yield [%]\n{KEY},61.5\n")  # duplicated
    answer(rig, "stranger.csv", "key,yield [%]\nsomebody,12\n")  # foreign
    answer(rig, "letter.csv", "Dear all,\nthe pump is out of order\n")  # no table of ours
    assert outcome(adapter, first).measurements[0].value == 61.5
    answer(rig, "copy.csv", f"key,yield [%]\n{KEY},16.5\n")  # changed
    answer(rig, f"000002-{OTHER}.csv", f"key,yield [%]\n{OTHER},70\n")

    two = make().fetch(second)  # the next that is fetched
    one = make().fetch(first)
    assert [json.loads(e.payload)["values"][0]["value"] for e in one if e.key == KEY] == [61.5, 61.5]
    assert {e.key for e in one} == {KEY, "somebody", "letter.csv"}
    assert [(e.key, json.loads(e.payload)["values"][0]["value"]) for e in two] == [(OTHER, 70.0), (KEY, 16.5)]
    assert make().fetch(first) == one
    assert make().fetch(second) == two
    assert "letter.csv has no column 'key' in its first line" in make().health().message


@pytest.mark.parametrize("text", [f"key,yield [%]\n{KEY},61,\n", f"key;yield [%]\n{KEY};61;\n"])
def test_a_device_may_end_its_rows_with_one_more_separator(
    make: Callable[..., CsvFolder], rig: FolderRig, text: str
) -> None:
    adapter = make()
    handle = begin(adapter)
    answer(rig, "r.csv", text)

    assert outcome(adapter, handle).measurements[0].value == 61.0


def test_a_file_without_keys_is_known_by_its_name(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make(response={"key": None})
    handle = begin(adapter)
    answer(rig, commands(rig)[0].name, "yield [%]\n61.5\n")
    answer(rig, "000001.csv", "yield [%]\n99\n")

    assert [e.key for e in adapter.fetch(handle)] == [KEY, "000001.csv"]
    assert outcome(adapter, handle).measurements[0].value == 61.5


def test_one_file_may_answer_many_and_grow(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    handles = [begin(adapter, key) for key in (KEY, OTHER)]
    answer(rig, "DAY.CSV", f"key,yield [%]\n{KEY},1\n")
    assert [adapter.status(h).phase for h in handles] == [Phase.ENDED, Phase.WAITING]
    answer(rig, "DAY.CSV", f"key,yield [%]\n{KEY},1\n{OTHER},2\n")

    assert [outcome(adapter, h).measurements[0].value for h in handles] == [1.0, 2.0]


def test_what_is_wrong_with_a_response_is_said(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    begin(adapter)
    answer(rig, "b.csv", f"key,yeild [%]\n{KEY},61.5\n")
    answer(rig, "c.csv", f"key,yield [%]\n{KEY},\n")

    message = adapter.health().message
    assert "b.csv has no column 'yield [%]', where a result is looked for; it has key, yeild [%]" in message
    assert f"c.csv lacks a value in the row of {KEY}" in message


# --- malformed options


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "option 'folder' is missing; add it to the laboratory section"),
        ({"folder": "x", "comands": "y"}, "unknown option 'comands' (did you mean 'commands'?)"),
        ({"folder": "x", "commands": "../up"}, "option 'commands' must be"),
        ({"folder": "x", "procedures": "commands"}, "folders with different names; 'commands' is there twice"),
        ({"folder": "x", "procedures": "../up"}, "option 'procedures' must be"),
        ({"folder": "x", "command": {"procedure": "key"}}, "columns with different names; 'key' is there twice"),
        (
            {"folder": "x", "command": {"procedure": "What"}},
            "command.procedure: there is no recipe to be told; add one",
        ),
        ({"folder": "x", "stale": 0}, "option 'stale' must be: greater than 0"),
        (
            {"folder": "x", "command": {"colums": {}}},
            "unknown option 'command.colums' (did you mean 'columns'?); known: columns, constants, key",
        ),
        (
            {"folder": "x", "command": {"columns": {"a": "T", "b": "T"}}},
            "columns with different names; 'T' is there twice",
        ),
        (
            {"folder": "x", "command": {"columns": {"a": {"column": "T", "unit": "Celcius"}}}},
            "unit 'Celcius' is unknown",
        ),
        ({"folder": "x", "command": {"decimal": ","}}, "a decimal comma between cells"),
        (
            {"folder": "x", "response": {"columns": {"yeild": "Y"}}},
            "'yeild' is no target (did you mean 'yield'?); known: yield",
        ),
        (
            {"folder": "x", "response": {"columns": {"yield": {"column": "Y", "unit": "K"}}}},
            "response.columns.yield.unit: a value in 'K' cannot be given in '%'",
        ),
        (
            {"folder": "x", "response": {"status": {"column": "s", "fault": {"jam": "clogged"}}}},
            "fault kinds; 'jam' is 'clogged'",
        ),
        (
            {"folder": "x", "response": {"status": {"column": "s", "measured": ["OK"], "unknown": ["ok"]}}},
            "each word with one meaning; 'ok' has two",
        ),
    ],
)
def test_options_that_cannot_be_are_named(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(AdapterOptionsError) as refusal:
        build(options, context(tmp_path))

    assert says in str(refusal.value)


def test_the_rig_reads_what_it_is_given(rig: FolderRig, make: Callable[..., CsvFolder]) -> None:
    begin(make())

    assert rows_of(commands(rig)[0]) == [{"key": KEY, "number": "1", "ligand": "PPh3", "temperature [degC]": "90"}]


def test_null_in_a_campaign_file_reaches_the_laboratory(tmp_path: Path) -> None:
    """``heartbeat: null`` says that there is none, and must not become the name that stands where nothing is said."""
    text = """
campaign: suzuki
space: {temperature: {type: number, low: 40, high: 100, unit: degC}}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 8}
laboratory:
  adapter: csv_folder
  folder: exchange
  heartbeat: null
  procedures: null
  response: {key: null}
"""
    spec = read_spec(text, source="suzuki.yaml", read=str)
    (tmp_path / "exchange").mkdir()

    again = CampaignSpec.from_resolved(json.loads(json.dumps(spec.resolved())))
    options = again.laboratory.options

    assert options == {"folder": "exchange", "heartbeat": None, "procedures": None, "response": {"key": None}}
    assert again.resolved() == spec.resolved()
    assert build_by_name("csv_folder", options, context(tmp_path)).health().is_ok
