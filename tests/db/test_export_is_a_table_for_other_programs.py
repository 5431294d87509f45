"""Export: every observation is a row, the failed and the retracted ones too, in CSV and Parquet."""

from __future__ import annotations

import csv
import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from db import MemoryLedger, SqlLedger, exchange, export
from loop.contracts import Ledger
from loop.errors import LedgerError, NotFound, UnknownName
from loop.outcome import Measured, Measurement
from loop.record import Candidate, EnvelopeDraft, Json, Lease

Fill = Callable[[Ledger], Lease]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_observation_is_a_row_in_canonical_order(sqlite_ledger: SqlLedger, fill: Fill, tmp_path: Path) -> None:
    fill(sqlite_ledger)

    n = export(sqlite_ledger, "coupling", tmp_path / "out.csv")

    told, first, negative, fault = rows(tmp_path / "out.csv")
    assert n == 4
    assert (told["outcome"], told["arm"], told["round"], told["key"]) == ("measured", "manual", "0", "")
    assert told["retracted"] == "wrong vial"
    assert told["settings.molecule"] == "mol-7"
    assert (first["settings.ligand"], first["settings.temperature"]) == ("PPh3", "90.0")
    assert (first["results.yield.value"], first["results.yield.unit"], first["results.yield.sd"]) == (
        "61.0",
        "%",
        "1.5",
    )
    assert (first["predicted.yield.mean"], first["predicted.yield.sd"]) == ("61.5", "7.25")
    assert (first["round"], first["position"], first["run_order"], first["arm"]) == ("1", "0", "0", "model")
    assert first["key"] == sqlite_ledger.attempts("coupling")[0].key
    assert (negative["outcome"], negative["reason"]) == ("negative", "below detection")
    assert (negative["results.yield.value"], negative["results.yield.qualifier"]) == ("1.0", "<")
    assert (fault["outcome"], fault["fault"], fault["informative"]) == ("fault", "convergence_error", "True")
    assert fault["results.yield.value"] == ""


@pytest.mark.parametrize(
    ("can_be", "mean"), [({"low": 62.0}, "62.0"), ({"high": 60.0}, "60.0"), ({"low": 0.0}, "61.5")]
)
def test_what_was_predicted_is_within_what_a_target_can_be(
    sqlite_ledger: SqlLedger, fill: Fill, tmp_path: Path, can_be: dict[str, float], mean: str
) -> None:
    fill(sqlite_ledger)
    spec = sqlite_ledger.campaign("coupling").spec
    sqlite_ledger.open_campaign("coupling", {**spec, "objective": {"yield": can_be}}, by="ada")

    export(sqlite_ledger, "coupling", tmp_path / "out.csv", "csv")

    first = rows(tmp_path / "out.csv")[1]
    assert (first["predicted.yield.mean"], first["predicted.yield.sd"]) == (mean, "7.25")


def test_parquet_says_what_csv_says_with_types(sqlite_ledger: SqlLedger, fill: Fill, tmp_path: Path) -> None:
    fill(sqlite_ledger)

    export(sqlite_ledger, "coupling", tmp_path / "out.csv", "csv")
    export(sqlite_ledger, "coupling", tmp_path / "out.parquet", "parquet")

    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == list(rows(tmp_path / "out.csv")[0])
    assert table["results.yield.value"].to_pylist() == [12.0, 61.0, 1.0, None]
    assert table["informative"].to_pylist() == [None, None, None, True]
    assert table["recorded"].to_pylist() == [
        o.recorded for o in sqlite_ledger.observations("coupling", with_retracted=True)
    ]


def test_units_of_settings_channels_and_mixed_settings_are_kept(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("c", {"space": {"time": {"type": "number", "unit": "h"}}}, by="ada")
    lease = ledger.acquire("c", "me", timedelta(hours=1))
    two = Measured(
        (Measurement("yield", 1.0, "%", 1.0, channel="uv"), Measurement("yield", 2.0, "%", 2.0, channel="ms"))
    )
    with ledger.work(lease) as work:
        for number, time in enumerate((2, "overnight")):
            envelope = work.receive(EnvelopeDraft("tell \ud83d", None, str(number)))
            work.accept(envelope.id, two, candidate=Candidate({"time": time}))

    for format in ("csv", "parquet"):
        export(ledger, "c", tmp_path / f"out.{format}", format)

    first, second = rows(tmp_path / "out.csv")
    assert (first["settings.time"], second["settings.time"], first["settings.time.unit"]) == ("2.0", "overnight", "h")
    assert (first["results.yield[uv].value"], first["results.yield[ms].value"]) == ("1.0", "2.0")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["settings.time"].to_pylist() == ["2.0", "overnight"]


def recorded(*contexts: Json, spec: Json | None = None) -> MemoryLedger:
    """A campaign "c" with one result for each context."""
    ledger = MemoryLedger()
    ledger.open_campaign("c", spec or {}, by="ada")
    with ledger.work(ledger.acquire("c", "me", timedelta(hours=1))) as work:
        for i, context in enumerate(contexts):
            envelope = work.receive(EnvelopeDraft("tell", None, str(i)))
            told = Measured((Measurement("yield", 1.0, "%", 1.0),))
            work.accept(envelope.id, told, candidate=Candidate({"t": i}), context=context)
    return ledger


@pytest.mark.parametrize(
    ("told", "column"),
    [
        ([66.0, {"low": 65}], ["66.0", '{"low": 65}']),
        ([66.0, ["a", 2]], ["66.0", '["a", 2]']),
        ([66.0, None], ["66.0", "null"]),
        ([66.0, True], ["66.0", "True"]),
        ([66.0, 2**70], ["66.0", str(2**70)]),
        ([66.5, 2**60 + 1], ["66.5", str(2**60 + 1)]),
        ([1, 2**63], ["1", str(2**63)]),
        ([1, 2**63 - 1], [1, 2**63 - 1]),
        ([66.5, 2**53], [66.5, 2.0**53]),
        ([10**400, "warm"], [str(10**400), "warm"]),
        ([{}, {}], ["{}", "{}"]),
        ([66, "warm \ud83d"], ["66", "warm \\ud83d"]),
        ([66, 66.5], [66.0, 66.5]),
        ([66, 67], [66, 67]),
        ([True, False], [True, False]),
    ],
)
def test_whatever_was_recorded_has_a_column_of_one_type(told: list[Any], column: list[Any], tmp_path: Path) -> None:
    ledger = recorded(*({"actual": {"t": value}, "wet": value, "comment": value} for value in told))

    for format in ("csv", "parquet"):
        export(ledger, "c", tmp_path / f"out.{format}", format)

    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["actual.t"].to_pylist() == column
    assert [row["actual.t"] for row in rows(tmp_path / "out.csv")] == [
        str(v) if isinstance(v, str) else str(given) for v, given in zip(column, told, strict=True)
    ]
    if all(isinstance(value, str | int | float) for value in told):
        assert table["context.wet"].to_pylist() == column


def test_the_unit_of_what_was_recorded_beside_a_result_stands_beside_it(tmp_path: Path) -> None:
    space = {"room": {"type": "context", "unit": "degC"}, "lot": {"type": "context"}}
    ledger = recorded({"room": 21.5, "lot": "L1"}, {"lot": "L2"}, spec={"space": space})

    export(ledger, "c", tmp_path / "out.csv")

    first, second = rows(tmp_path / "out.csv")
    assert (first["context.room"], first["context.room.unit"], first["context.lot"]) == ("21.5", "degC", "L1")
    assert (second["context.room"], second["context.room.unit"]) == ("", "")
    assert "context.lot.unit" not in first


def test_structures_stand_beside_what_they_are_of(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("c", {}, by="ada")
    with ledger.work(ledger.acquire("c", "me", timedelta(hours=1))) as work:
        envelope = work.receive(EnvelopeDraft("tell", None, "0"))
        told = Measured((Measurement("yield", 1.0, "%", 1.0),))
        work.accept(envelope.id, told, candidate=Candidate({"ligand": "PPh3"}, {"ligand": "c1ccccc1"}))

    export(ledger, "c", tmp_path / "out.csv")

    (row,) = rows(tmp_path / "out.csv")
    assert (row["settings.ligand"], row["settings.ligand.smiles"]) == ("PPh3", "c1ccccc1")


def test_a_mark_says_that_it_is_utf_8_where_that_is_needed_alone(tmp_path: Path) -> None:
    export(recorded({"comment": "warm"}), "c", tmp_path / "plain.csv")
    export(recorded({"comment": "wärm"}), "c", tmp_path / "cell.csv")
    export(recorded({"wärme": 1.0}), "c", tmp_path / "header.csv")

    marked = {path.name: path.read_bytes().startswith(b"\xef\xbb\xbf") for path in tmp_path.glob("*.csv")}
    assert marked == {"plain.csv": False, "cell.csv": True, "header.csv": True}


def test_who_may_read_it_is_left_to_the_system(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        export(recorded({}), "c", tmp_path / "out.csv")
    finally:
        os.umask(before)

    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_no_text_for_parquet_is_spelt_out(tmp_path: Path) -> None:
    export(recorded({"\ud83d": 1.0}), "c", tmp_path / "out.parquet", "parquet")

    assert pyarrow.parquet.read_table(tmp_path / "out.parquet")["context.\\ud83d"].to_pylist() == [1.0]


def test_what_an_experiment_took_is_told_once_and_what_was_not_read_is_kept() -> None:
    took = {"wall_time_s": 7200.0, "cost": 2.5}
    ledger = recorded(
        {"hours": "2", "cost": "2,5", "provenance": took},
        {"hours": 5.0, "cost": "dear", "provenance": took},  # something else of these names
        {"hours": "2:30", "cost": "3"},
    )

    read = [
        tuple(row.get(name) for name in ("hours", "cost", "context.hours", "context.cost"))
        for row in exchange.table(ledger, "c")
    ]

    assert read == [(2.0, 2.5, None, None), (2.0, 2.5, 5.0, "dear"), (None, None, "2:30", "3")]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_campaign_without_observations_gives_a_table_without_rows(tmp_path: Path, format: str) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("c", {}, by="ada")

    assert export(ledger, "c", tmp_path / "out", format) == 0
    assert (tmp_path / "out").exists()


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("c", {}, by="ada")
    target = tmp_path / "out.csv"
    target.write_text("precious")

    with pytest.raises(LedgerError, match="there already; name another file"):
        export(ledger, "c", target)
    assert target.read_text() == "precious"
    export(ledger, "c", target, overwrite=True)
    assert target.read_text().startswith("campaign,")


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("coupling", {}, by="ada")
    shared, latest = tmp_path / "shared.csv", tmp_path / "latest.csv"
    shared.write_text("old")
    latest.symlink_to(shared)

    export(ledger, "coupling", latest, "csv", overwrite=True)

    assert latest.is_symlink()
    assert shared.read_text().startswith("campaign,")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest.csv", "shared.csv"]


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("coupling", {}, by="ada")
    os.mkfifo(pipe := tmp_path / "pipe")
    (tmp_path / "link.csv").symlink_to(pipe)

    for path in (pipe, tmp_path / "link.csv"):
        with pytest.raises(LedgerError, match=f"{path.name} is a device or a pipe, and no file; name a file"):
            export(ledger, "coupling", path, "csv", overwrite=True)

    assert pipe.is_fifo()


def test_a_failed_export_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("c", {}, by="ada")
    target = tmp_path / "out.csv"
    target.write_text("precious")

    def fail(_rows: object, path: Path) -> None:
        path.write_text("half")
        raise ZeroDivisionError

    monkeypatch.setitem(exchange._WRITERS, "csv", fail)
    with pytest.raises(ZeroDivisionError):
        export(ledger, "c", target, overwrite=True)

    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("format", ["csv", "parquet", "xlsx"])
def test_what_a_killed_export_left_is_removed_by_the_next_and_what_another_writes_is_not(
    tmp_path: Path, format: str
) -> None:
    ledger, out = MemoryLedger(), tmp_path / "out"
    ledger.open_campaign("empty", {}, by="ada")
    others = [tmp_path / ".out.elsewhere.1.part", tmp_path / ".other.part", tmp_path / ".out.csv"]
    for other in others:
        other.write_text("of somebody else")

    def killed() -> None:
        with exchange._replacing(out) as temporary:
            temporary.write_text("half of it")
            os._exit(0)

    for _ in range(2):
        writer = multiprocessing.get_context("fork").Process(target=killed)
        writer.start()
        writer.join()
    left = len(list(tmp_path.iterdir()))
    with exchange._replacing(out) as temporary:
        temporary.write_text("written now")
        export(ledger, "empty", out, format)
        there = sorted(tmp_path.iterdir())

    assert left == len(others) + 1  # the second removed what the first left
    assert there == sorted([*others, out, temporary])
    assert sorted(tmp_path.iterdir()) == sorted([*others, out])
    assert out.read_text() == "written now"


def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    ledger.open_campaign("coupling", {}, by="ada")

    with pytest.raises(UnknownName, match="unknown export format 'excel'; known: csv, parquet"):
        export(ledger, "coupling", tmp_path / "out", "excel")
    with pytest.raises(NotFound, match="coupling"):
        export(ledger, "couplin", tmp_path / "out")
    with pytest.raises(LedgerError, match="is no folder"):
        export(ledger, "coupling", tmp_path / "nowhere" / "out.csv")
