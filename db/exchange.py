"""Exchange: the observations of a campaign as a table for other programs, in CSV, Parquet or an Excel workbook."""

from __future__ import annotations

import csv
import fcntl
import json
import math
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

from db.durable import sync
from loop.as_written import written_in
from loop.circumstances import read_expense
from loop.classes import Classes
from loop.contracts import Ledger
from loop.errors import LedgerError, SpaceError, UnknownName
from loop.outcome import Fault, Measured, Measurement, Negative, read_code
from loop.record import Json, ObservationRecord, Prediction

Row: TypeAlias = dict[str, Any]
PLACE: Final = ("plate", "well", "block")  # of the context, where it says so
EXACT: Final = 2**53  # the largest integer up to which floats tell all integers apart
WHOLE: Final = 2**63 - 1  # the largest integer of a Parquet column
MARK: Final = "\ufeff"  # spreadsheets read UTF-8 by it; others may stumble over it, so only where needed


def export(
    ledger: Ledger, name: str, path: str | os.PathLike[str], format: str = "csv", *, overwrite: bool = False
) -> int:
    """Write one row per observation of campaign ``name``; told, failed and retracted ones too. Returns how many.

    Columns are named ``settings.NAME`` (with ``settings.NAME.unit``), ``results.PROPERTY.value`` and so on for what
    was reported, ``results.PROPERTY.canonical`` for the same in the target's unit (of classes 1 for what is looked
    for, else 0), ``derived.NAME`` for what follows from the settings, or of a derived target from the results, by the
    campaign file as it is, ``predicted.TARGET.mean`` and ``.sd`` for what the model said when it proposed, within what
    the target can be;
    ``comment``, ``context.NAME`` (with ``context.NAME.unit``), ``actual.NAME`` (settings that were not as asked),
    ``hours`` and ``cost`` for what was recorded beside it. An object, a list or null is its JSON text. A CSV file with
    letters beyond ASCII begins with the mark of UTF-8, since spreadsheets read others by it. The file appears whole or
    not at all.

    Args:
        ledger: Any ledger.
        name: The campaign.
        path: The file to be written; its folder must be there.
        format: ``"csv"``, ``"parquet"`` or ``"xlsx"``.
        overwrite: Replace a file that is there.

    Raises:
        LedgerError: The file is there already, or is a folder, or its folder is not there.
        NotFound: There is no such campaign.
        UnknownName: The format is neither.
    """
    see_that_it_can_be_written(path, format, overwrite=overwrite)
    return write_rows(table(ledger, name), path, format)


def see_that_it_can_be_written(path: str | os.PathLike[str], format: str, *, overwrite: bool) -> None:
    """Refuse what ``write_rows`` could not write, before rows are made. Raises as ``export``."""
    target = Path(path)
    if format not in _WRITERS:
        raise UnknownName("export format", format, _WRITERS)
    if target.is_dir():
        raise LedgerError(f"{target} is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise LedgerError(f"{target} is a device or a pipe, and no file; name a file")
    if target.exists() and not overwrite:
        raise LedgerError(f"{target} is there already; name another file, or overwrite it (--overwrite)")
    if not target.parent.is_dir():
        raise LedgerError(f"{target.parent} is no folder; make it first, or name another file")


def write_rows(rows: list[Row], path: str | os.PathLike[str], format: str) -> int:
    """Write rows that have the same columns as a file that appears whole or not at all. Returns how many."""
    with _replacing(Path(path)) as temporary:
        _WRITERS[format](rows, temporary)
    return len(rows)


def table(ledger: Ledger, name: str) -> list[Row]:
    """The rows that ``export`` writes, in the ledger's canonical order; each has the same columns."""
    campaign = ledger.campaign(name)
    predictions = _predictions(ledger, name)
    places = {p.id: (p.round_number, p.draft.position) for p in ledger.proposals(name)}
    derived = _derived_of(campaign.spec)
    observations = ledger.observations(name, with_retracted=True)
    worked_out = _derived_targets(campaign.spec, observations)
    edits = {places[d.replacement_id]: d for d in ledger.decisions(name) if d.replacement_id is not None}
    rows = []
    for observation in observations:
        row = _row(observation, predictions, campaign.spec) | derived(observation)
        row |= worked_out.get(observation.id, {})
        edit = edits.get((observation.round_number, observation.position))
        if edit is not None:  # of an experiment that a person changed: what it was, and why
            row["edited_from"] = places[edit.draft.proposal_id or ""][1]
            row["edited_by"], row["edited_why"] = edit.draft.by, edit.draft.why
        rows.append(row)
    place = _placed(campaign.spec)
    columns = sorted({column for row in rows for column in row}, key=place)
    return [{"campaign": name, **{column: row.get(column) for column in columns}} for row in rows]


def print_csv(rows: list[Row], file: TextIO) -> None:
    """Write rows that have the same columns to an open file; spreadsheets are given no mark of UTF-8."""
    writer = csv.DictWriter(file, _header(rows))
    writer.writeheader()
    writer.writerows({name: _spell(value) for name, value in row.items()} for row in rows)


def cells_of(observation: ObservationRecord, spec: Json) -> Row:
    """What a row of the table says of an observation itself: settings, what came out and what stood beside it."""
    row: Row = {name: str(observation.context[name]) for name in PLACE if observation.context.get(name) is not None}
    row |= _beside(observation.context, spec)
    for name, value in observation.settings.items():
        row[f"settings.{name}"] = value
        if unit := _unit(spec, name):
            row[f"settings.{name}.unit"] = unit
    for name, smiles in observation.smiles.items():
        row[f"settings.{name}.smiles"] = smiles
    return row | _outcome(observation, spec.get("objective") or {})


def _row(
    observation: ObservationRecord, predictions: Mapping[tuple[int, int], Iterable[Prediction]], spec: Json
) -> Row:
    row: Row = {
        "observation": observation.id,
        "source": observation.source,
        "arm": observation.arm.value,
        "round": observation.round_number,
        "position": observation.position,
        "run_order": observation.run_order,
        "replicate": observation.replicate_no,
        "attempt": observation.attempt_no,
        "key": observation.key,
        "recorded": observation.recorded,
        "retracted": observation.retracted,
    }
    row |= cells_of(observation, spec)
    for said in predictions.get((observation.round_number, observation.position), ()):
        row[f"predicted.{said.target}.mean"] = _possible(spec, said)
        row[f"predicted.{said.target}.sd"] = said.sd
    return row


def _derived_targets(spec: Json, observations: Sequence[ObservationRecord]) -> dict[str, Row]:
    """By observation, the values and limits of derived targets that follow from what was measured."""
    if not spec.get("derived"):
        return {}
    from loop.derived import derived_records  # NumPy, and the space: only where they are asked for
    from loop.spec import CampaignSpec

    names: Mapping[str, Any] = spec["derived"]
    found: dict[str, Row] = {}
    for o in derived_records(CampaignSpec.from_record(spec), observations):
        told = o.outcome.measurements if isinstance(o.outcome, Measured | Negative) else ()
        row = found.setdefault(o.id, {})
        for m in told:
            if m.property in names:
                row[f"derived.{m.property}"] = m.canonical
                row[f"derived.{m.property}.qualifier"] = m.qualifier.value
                if unit := names[m.property].get("unit"):
                    row[f"derived.{m.property}.unit"] = unit
    return found


def _derived_of(spec: Json) -> Callable[[ObservationRecord], Row]:
    """What follows from settings, by the campaign file in force; nothing where they lie outside of it."""
    space = spec.get("space")
    kinds = [p.get("type") for p in space.values() if isinstance(p, Mapping)] if isinstance(space, Mapping) else []
    if "derived" not in kinds:
        return lambda _: {}
    from loop.spec import CampaignSpec, build_space  # of a space that has such, else no reader is needed

    built = build_space(CampaignSpec.from_record(spec))

    def told(observation: ObservationRecord) -> Row:
        try:
            x = built.coordinates(built.as_named(observation.settings, observation.smiles))
        except SpaceError:
            return {}
        row: Row = {}
        for number in built.derived:
            if math.isfinite(value := float(number.formula(x))):
                row[f"derived.{number.name}"] = value
                if number.unit:
                    row[f"derived.{number.name}.unit"] = number.unit
        return row

    return told


def _possible(spec: Json, said: Prediction) -> float:
    """What was predicted, as people are told it: within what the target can be."""
    wanted = {**(spec.get("objective") or {}), **(spec.get("derived") or {})}.get(said.target) or {}
    low, high = wanted.get("low"), wanted.get("high")
    mean = said.mean if low is None else max(said.mean, low)
    return mean if high is None else min(mean, high)


def _beside(context: Json, spec: Json) -> Row:
    """What was recorded beside a result: a comment, circumstances, settings that were not as asked, what it took."""
    expense = read_expense(context)
    took = {name: value for name, value in (("hours", expense.hours), ("cost", expense.cost)) if value is not None}
    told = {
        name: value
        for name, value in context.items()
        if name not in PLACE and isinstance(value, str | int | float) and not _says(value, took.get(name))
    }
    row: Row = {name if name == "comment" else f"context.{name}": value for name, value in told.items()}
    row |= {f"context.{name}.unit": unit for name in told if (unit := _unit(spec, name))}
    really = context.get("actual")
    if isinstance(really, Mapping):
        row |= {f"actual.{name}": _in_a_cell(value) for name, value in really.items()}
    return row | took


def _says(told: str | float, number: float | None) -> bool:
    """Whether what was told, with a decimal comma perhaps, is this number."""
    try:
        return number is not None and math.isclose(float(str(told).replace(",", ".")), number)
    except ValueError:
        return False


def _in_a_cell(value: object) -> str | float:
    return value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)


def _outcome(observation: ObservationRecord, objective: Json) -> Row:
    match observation.outcome:
        case Measured(measurements):
            return {"outcome": "measured", **_results(measurements, objective)}
        case Negative(reason, measurements):
            return {"outcome": "negative", "reason": reason, **_results(measurements, objective)}
        case Fault(kind, message, informative):
            code = read_code(observation.context) or None
            said = {"fault": kind.value, "fault_code": code, "informative": informative}
            return {"outcome": "fault", **said, "reason": message}


def _results(measurements: Iterable[Measurement], objective: Json) -> Row:
    row: Row = {}
    for m in measurements:
        name = f"results.{m.property}" if m.channel is None else f"results.{m.property}[{m.channel}]"
        row |= {
            f"{name}.value": _as_told(m, (objective.get(m.property) or {}).get("classes") or ()),
            f"{name}.unit": m.unit,
            f"{name}.sd": m.sd,
            f"{name}.n": m.n,
            f"{name}.qualifier": m.qualifier.value,
            f"{name}.canonical": m.canonical,
            f"{name}.canonical_sd": m.canonical_sd,
        }
    return row


def _as_told(m: Measurement, classes: Sequence[str]) -> str | float:
    """A value as it can be told again: of more than two classes by its word, since no number stands for one."""
    said = Classes(classes)
    return m.value if not said or said.may_be_numbers else said.word(m.value) or m.value


def _predictions(ledger: Ledger, name: str) -> dict[tuple[int, int], list[Prediction]]:
    """What was said of each proposal as a whole: by the committee, or by the one model there was."""
    said: dict[tuple[int, int], list[Prediction]] = {}
    for proposal in ledger.proposals(name):
        by_target: dict[str, dict[str, Prediction]] = {}
        for prediction in proposal.draft.predictions:
            by_target.setdefault(prediction.target, {})[prediction.member] = prediction
        said[proposal.round_number, proposal.draft.position] = [
            members["committee"] if "committee" in members else next(iter(members.values()))
            for members in by_target.values()
            if "committee" in members or len(members) == 1
        ]
    return said


def _unit(spec: Json, parameter: str) -> str | None:
    space = spec.get("space")
    described = space.get(parameter) if isinstance(space, Mapping) else None
    unit = described.get("unit") if isinstance(described, Mapping) else None
    return unit if isinstance(unit, str) and unit else None


_ORDER: Final = (
    "observation",
    "round",
    "position",
    "run_order",
    "replicate",
    "attempt",
    "arm",
    *PLACE,
    "edited_from",
    "edited_by",
    "edited_why",
    "outcome",
    "fault",
    "fault_code",
    "informative",
    "reason",
    "comment",
    "settings",
    "actual",
    "derived",
    "results",
    "context",
    "hours",
    "cost",
    "predicted",
    "retracted",
    "recorded",
    "source",
    "key",
)


def _placed(spec: Json) -> Callable[[str], tuple[int, int, str]]:
    """Where columns stand: by what they tell, what tells of parameters in the order of the campaign file."""
    space = spec.get("space")
    ranks = {name: rank for rank, name in enumerate(written_in(space) if isinstance(space, Mapping) else ())}

    def place(column: str) -> tuple[int, int, str]:
        first, _, rest = column.partition(".")
        name = rest if rest in ranks else rest.removesuffix(".unit").removesuffix(".smiles")
        return _ORDER.index(first), ranks.get(name, len(ranks)), column

    return place


def _header(rows: list[Row]) -> list[str]:
    return list(rows[0]) if rows else ["campaign", *(c for c in _ORDER[:18] if c not in PLACE and c[:6] != "edited")]


def _write_csv(rows: list[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        if not all(_is_plain(value) for value in (*_header(rows), *(value for row in rows for value in row.values()))):
            file.write(MARK)
        print_csv(rows, file)


def _is_plain(value: object) -> bool:
    return not isinstance(value, str) or value.isascii()


def _spell(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _write_parquet(rows: list[Row], path: Path) -> None:
    import pyarrow as pa  # 0.2 s, and only here
    import pyarrow.parquet

    columns = {_text(name): _of_one_type([row[name] for row in rows]) for name in (rows[0] if rows else ["campaign"])}
    pa.parquet.write_table(pa.table(columns), path)


def _of_one_type(values: list[Any]) -> list[Any]:
    """Values of one kind that a column can hold, or texts throughout: of a label among numbers, of a huge integer."""
    kinds = {type(value) for value in values if value is not None}
    largest = max((abs(value) for value in values if isinstance(value, int)), default=0)
    if kinds == {int, float} and largest <= EXACT:
        return [None if value is None else float(value) for value in values]
    if kinds != {str} and len(kinds) <= 1 and largest <= WHOLE:
        return values
    return [None if value is None else _text(value) for value in values]


def _text(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A temporary file beside ``target`` that takes its place, on the disk to the last byte, when all went well.

    It is locked for as long as it is written, so that the next to write ``target`` knows those of killed processes.
    """
    target = Path(os.path.realpath(target)) if target.is_symlink() else target
    ours = f".{target.name}.{os.uname().nodename}."  # not every file system tells one machine of another's locks
    temporary = target.with_name(f"{ours}{uuid.uuid4().hex}.part")
    try:
        _remove_left(target.parent, ours)
        with _locked(temporary):
            yield temporary
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        why = f"{target} cannot be written ({error.strerror or error}); name a file in a folder with room and rights"
        raise LedgerError(why) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_left(folder: Path, ours: str) -> None:
    """Remove temporary files of processes of this machine that were killed as they wrote."""
    with suppress(OSError):  # such as a folder that may not be listed
        for path in [path for path in folder.iterdir() if path.name.startswith(ours) and path.suffix == ".part"]:
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A new file of that name, locked where its file system knows locks."""
    while True:
        with path.open("wb") as file:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():  # nobody took it for one that was left, before it was locked
                yield
                return


def _write_workbook(rows: list[Row], path: Path) -> None:
    from db.spreadsheet import write_workbook

    write_workbook(_header(rows), rows, path)


_WRITERS: Final[dict[str, Callable[[list[Row], Path], None]]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
    "xlsx": _write_workbook,
}
