"""Recipes at devices behind a folder: what is to be done is there before the command is, whatever is killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import build
from loop import checkpoints
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.errors import AdapterUnavailable
from loop.recipe import in_words
from loop.recipe.told import in_full
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.csv_folder.rigs import STEPS, Crashed, FolderRig, rows_of
from tests.adapters.helpers import context
from tests.adapters.plates.robots import experiment, recipe

EXPERIMENT = experiment()
WANTED = in_full(recipe(), EXPERIMENT.settings)
OPTIONS: dict[str, Any] = {
    "folder": "rig",
    "taken": "taken",
    "response": {"status": {"column": "outcome", "measured": ["done"], "unknown": ["lost track"]}},
}


class ReadingRig(FolderRig):
    """A rig that looks for the procedure of each command that it takes up."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.read: list[Any] = []
        super().__init__(folder, answer=self._reading, **more)

    def _reading(self, row: Any) -> dict[str, str]:
        self.read.append(json.loads((self.folder / "procedures" / row["procedure file"]).read_text()))
        return {"yield [%]": "61.5"}


@pytest.fixture
def rig(tmp_path: Path) -> ReadingRig:
    return ReadingRig(tmp_path / "rig")


@pytest.fixture
def make(tmp_path: Path, rig: ReadingRig) -> Callable[..., CsvFolder]:
    def adapter(**more: Any) -> CsvFolder:
        assert rig.folder.exists()
        return build({**OPTIONS, **more}, replace(context(tmp_path), recipe=recipe()))

    return adapter


class Killed(BaseException):
    """hakken was killed."""


class TestCsvFolderWithARecipe(AdapterContract):
    @pytest.fixture
    def make_adapter(self, make: Callable[..., CsvFolder]) -> Callable[[], Adapter]:
        return make

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, rig: ReadingRig) -> Callable[[AttemptKey], int]:
        return lambda key: rig.runs()[key]

    @pytest.fixture
    def finish(self, rig: ReadingRig) -> Callable[[Adapter, Handle], None]:
        def let_it_work(_adapter: Adapter, _handle: Handle) -> None:
            while rig.work():
                pass

        return let_it_work

    @pytest.fixture
    def shuffles(self) -> int:
        return 10


def begin(adapter: Adapter, key: AttemptKey = KEY) -> Handle:
    handle = adapter.prepare(EXPERIMENT, key)
    adapter.start(handle, key)
    return handle


def names(rig: FolderRig, folder: str) -> list[str]:
    return sorted(path.name for path in (rig.folder / folder).glob("*"))


def test_a_command_comes_with_its_procedure_for_programs_and_people(
    make: Callable[..., CsvFolder], rig: ReadingRig
) -> None:
    begin(make())
    (command,) = (rig.folder / "commands").iterdir()
    (row,) = rows_of(command)
    said = json.loads((rig.folder / "procedures" / row["procedure file"]).read_text())
    page = (rig.folder / "procedures" / f"000001-{KEY}.txt").read_bytes().decode("utf-8-sig")

    assert list(row)[-1] == "procedure file"
    assert row["procedure file"] == f"000001-{KEY}.json"
    assert said == {"campaign": "coupling", "key": KEY, "number": 1, "place": dict(EXPERIMENT.place), **WANTED}
    assert page.split("\r\n")[:4] == [
        "coupling, plate 1, well A1",
        KEY,
        "",
        "1. Dispense 20 µL of halide, 0.5 mol/L in DMSO (10 µmol, 1 equiv).",
    ]
    assert page.endswith("6. Measure yield by HPLC.\r\n")


def test_a_template_names_the_columns_and_may_have_the_words_in_one(
    make: Callable[..., CsvFolder], rig: ReadingRig
) -> None:
    begin(make(command={"procedure_file": "Method", "procedure": "Notes", "columns": {"base": "Base"}}))
    begin(make(command={"procedure_file": None}, procedures="methods"), OTHER)
    begin(make(command={"procedure": "Notes"}, procedures=None), AttemptKey("third"))
    rows = [rows_of(path)[0] for path in sorted((rig.folder / "commands").iterdir())]

    assert [rows[0]["Method"], rows[0]["Notes"]] == [f"000001-{KEY}.json", in_words(recipe(), EXPERIMENT.settings)]
    assert not {"procedure file", "Notes"} & set(rows[1])
    assert names(rig, "methods") == [f"000002-{OTHER}.json", f"000002-{OTHER}.txt"]
    assert (rows[2]["Notes"], "procedure file" in rows[2]) == (rows[0]["Notes"], False)
    assert names(rig, "procedures") == [f"000001-{KEY}.json", f"000001-{KEY}.txt"]


def test_a_parameter_of_that_name_keeps_a_column(tmp_path: Path, rig: ReadingRig) -> None:
    named = replace(EXPERIMENT, settings={**EXPERIMENT.settings, "procedure file": "A"})
    adapter = build(OPTIONS, replace(context(tmp_path), recipe=recipe()))
    adapter.start(adapter.prepare(named, KEY), KEY)
    (row,) = rows_of(next((rig.folder / "commands").iterdir()))

    assert (row["setting procedure file"], row["procedure file"]) == ("A", f"000001-{KEY}.json")


@pytest.mark.parametrize("label", ["staged", "prepared", "instructed", "published", "started"])
@pytest.mark.parametrize("times", [1, 2])
def test_hakken_is_killed_and_no_command_is_there_without_its_procedure(
    make: Callable[..., CsvFolder], rig: ReadingRig, label: str, times: int
) -> None:
    seen = 0

    def kill(reached: str) -> None:
        nonlocal seen
        there = [name.removesuffix(".csv") for name in names(rig, "commands") + names(rig, "taken")]
        assert all({f"{stem}.json", f"{stem}.txt"} <= set(names(rig, "procedures")) for stem in there)
        seen += reached == f"csv_folder.{label}"
        if reached == f"csv_folder.{label}" and seen == times:
            raise Killed

    checkpoints.on_reached = kill
    for _ in range(6):
        try:
            adapter = make()
            for key in (KEY, OTHER):
                found = adapter.find(key)
                if isinstance(found, Absent):
                    begin(adapter, key)
                elif isinstance(found, Found) and not found.started:
                    adapter.start(found.handle, key)
            rig.work()
            rig.work()
        except Killed:
            continue

    assert seen >= times
    assert rig.runs() == {KEY: 1, OTHER: 1}
    assert [said["key"] for said in rig.read] == [KEY, OTHER]


@pytest.mark.parametrize("step", STEPS)
def test_the_device_dies_and_reads_the_procedure_again(tmp_path: Path, step: str) -> None:
    died: list[str] = []

    def die(reached: str) -> None:
        if reached == step and not died:
            died.append(step)
            raise Crashed

    rig = ReadingRig(tmp_path / "rig", step=die, in_place=True)
    adapter = build(OPTIONS, replace(context(tmp_path), recipe=recipe()))
    handle = begin(adapter)
    for _ in range(3):
        try:
            rig.work()
        except Crashed:
            rig = ReadingRig(tmp_path / "rig")

    assert died == [step]
    assert rig.runs()[KEY] <= 1
    doubt = adapter.find(KEY)
    assert isinstance(doubt, Unknown) or adapter.status(handle).phase is Phase.ENDED


@pytest.mark.parametrize("label", ["prepared", "instructed", "started"])
def test_what_is_called_off_leaves_no_procedure_behind(
    make: Callable[..., CsvFolder], rig: ReadingRig, label: str
) -> None:
    def kill(reached: str) -> None:
        if reached == f"csv_folder.{label}":
            raise Killed

    checkpoints.on_reached = kill
    with pytest.raises(Killed):
        begin(make())
    checkpoints.on_reached = None
    handle = make().prepare(EXPERIMENT, KEY)
    make().cancel(handle, "no longer wanted")

    assert make().status(handle).phase is Phase.ENDED
    assert names(rig, "procedures") == []
    assert names(rig, "commands") == []
    assert not rig.work()


def test_what_is_sent_again_has_a_procedure_of_its_own(make: Callable[..., CsvFolder], rig: ReadingRig) -> None:
    adapter = make()
    handle = begin(adapter)
    (rig.folder / "responses" / f"000001-{KEY}.csv").write_text(f"key,outcome\n{KEY},lost track\n")
    assert isinstance(adapter.find(KEY), Unknown)
    begin(make())  # as the engine does after hakken resolve --never-ran
    while rig.work():
        pass

    assert [said["number"] for said in rig.read] == [2]
    assert names(rig, "procedures") == [f"000002-{KEY}.json", f"000002-{KEY}.txt"]
    assert make().status(handle).phase is Phase.ENDED


def test_a_folder_of_procedures_that_is_a_file_keeps_the_command_back(
    make: Callable[..., CsvFolder], rig: ReadingRig
) -> None:
    (rig.folder / "procedures").write_text("not a folder")
    with pytest.raises(AdapterUnavailable, match="check the folder, its rights and the disk"):
        begin(make())

    assert names(rig, "commands") == []
    (rig.folder / "procedures").unlink()
    begin(make())
    assert rig.work()
    assert [said["key"] for said in rig.read] == [KEY]


def test_a_campaign_without_a_recipe_sends_what_it_always_did(tmp_path: Path, rig: ReadingRig) -> None:
    begin(build(OPTIONS, context(tmp_path)))

    assert names(rig, "procedures") == []
    assert "procedure file" not in rows_of(next((rig.folder / "commands").iterdir()))[0]
