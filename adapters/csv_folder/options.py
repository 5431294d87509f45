"""What a campaign file may say of a device behind an exchange folder: where it is, and what its tables look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from adapters.common.folder import Jobs
from adapters.common.options import Options, read_options, spelt
from adapters.errors import AdapterOptionsError
from loop.contracts import AdapterContext, Delivery
from loop.errors import UnitError, did_you_mean
from loop.outcome import FaultKind
from loop.sheets.cells import split_header
from loop.units import check_unit, is_stated

if TYPE_CHECKING:
    from adapters.csv_folder.laboratory import CsvFolder

EXAMPLE: Final = """\
laboratory:
  adapter: csv_folder
  folder: exchange
  taken: taken
  answer_within: 12
  command: {columns: {temperature: {column: Temp_K, unit: K}}}
  response: {columns: {yield: {column: Area, unit: "%"}}}
"""
DELIVERY: Final = Delivery.TWO_PHASE
UNTIL_PLAYED: Final = frozenset({"folder", "commands", "responses", "taken", "procedures"})  # till a command lies there
# How its answers are read and how long they may take, not which device it is: these may change while it has attempts.
FREE: Final = frozenset({"response", "heartbeat", "stale", "gone_after", "answer_within", "at_once"})

Positive = Annotated[float, Field(gt=0)]
FolderName = Annotated[
    str, spelt(r"[^/\\.][^/\\]*", "the name of a folder, without / or \\ and not beginning with a dot")
]


class Column(Options):
    """A column of the device's tables. A name alone is short for ``{column: NAME}``."""

    column: str = Field(min_length=1)
    unit: str | None = None  # when left out that of the column's name, as in Temp (K), or the campaign's own

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str | None) -> str | None:
        try:
            return unit if unit is None else check_unit(unit)
        except UnitError as error:
            raise ValueError(str(error)) from None

    def unit_of(self, wanted: str) -> str | None:
        """The unit of what stands in the column: as it is said, or as the name of the column states it, where that is
        one of what the campaign has in ``wanted``; None for the campaign's own.
        """
        stated = split_header(self.column)[1] if self.unit is None else self.unit
        return stated if self.unit is not None or (stated is not None and is_stated(stated, wanted)) else None


class CommandColumn(Column):
    """Where a parameter goes."""

    names: dict[str, str] = Field(default_factory=dict)  # what the device calls an option: XPhos: A3
    smiles: bool = False  # the structure in place of the option's name


class ResponseColumn(Column):
    """Where a target is found."""

    sd: str | None = None  # column of its standard deviation, in the same unit


class CommandTemplate(Options):
    """What a command file looks like: one row under a header."""

    columns: dict[str, CommandColumn] = Field(default_factory=dict)  # by parameter
    constants: dict[str, str] = Field(default_factory=dict)  # columns that are the same in every command
    key: str = Field(default="key", min_length=1)  # column of the attempt's key
    number: str | None = "number"  # column of the command's number
    procedure_file: str | None = "procedure file"  # column that names the procedure's file, where there is one
    procedure: str | None = None  # column of what is to be done, in words
    delimiter: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "utf-8-sig", "cp1252", "utf-16"] = "utf-8"  # how the device reads letters beyond ASCII

    @field_validator("columns", mode="before")
    @classmethod
    def _spell_out(cls, columns: object) -> object:
        return _spelt_out(columns)

    @model_validator(mode="after")
    def _check_names(self) -> CommandTemplate:
        every = [c.column for c in self.columns.values()] + [*self.constants, self.key]
        every += [name for name in (self.number, self.procedure_file, self.procedure) if name is not None]
        if twice := next((name for name in every if every.count(name) > 1), None):
            raise ValueError(f"columns with different names; {twice!r} is there twice")
        said = "".join((*every, *self.constants.values()))
        if said.encode(self.encoding, errors="ignore").decode(self.encoding) != said:
            raise ValueError(f"columns and constants in letters of {self.encoding}, or another encoding")
        if self.decimal == self.delimiter:
            raise ValueError("a decimal comma between cells that are separated by something else")
        return self


class StatusTemplate(Options):
    """What a device says of how a run ended; what it does not say is read from the values."""

    column: str = Field(min_length=1)
    measured: list[str] = Field(default_factory=list)
    negative: list[str] = Field(default_factory=list)
    fault: dict[str, str] = Field(default_factory=dict)  # fault kind by the device's word
    unknown: list[str] = Field(default_factory=list)  # the device itself does not know whether it ran: a person decides
    reason: str | None = None  # column with more words

    @field_validator("fault")
    @classmethod
    def _check_kinds(cls, fault: dict[str, str]) -> dict[str, str]:
        kinds = [kind.value for kind in FaultKind]
        for word, kind in fault.items():
            if kind not in kinds:
                raise ValueError(
                    f"fault kinds; {word!r} is {kind!r}{did_you_mean(kind, kinds)}; known: {', '.join(kinds)}"
                )
        return fault

    @model_validator(mode="after")
    def _check_words(self) -> StatusTemplate:
        every = [word.casefold() for word in (*self.measured, *self.negative, *self.fault, *self.unknown)]
        if twice := next((word for word in every if every.count(word) > 1), None):
            raise ValueError(f"each word with one meaning; {twice!r} has two")
        return self


class ResponseTemplate(Options):
    """What a response file looks like: a header, and a row for each attempt that it is about."""

    columns: dict[str, ResponseColumn] = Field(default_factory=dict)  # by target
    actual: dict[str, Column] = Field(default_factory=dict)  # by parameter: what was really set
    key: str | None = Field(default="key", min_length=1)  # column of the key; null: the file's name tells
    status: StatusTemplate | None = None  # left out: a column "outcome", in the worksheet's words
    files: str = Field(default="*.csv", min_length=1)  # which files are responses
    final_newline: bool = True  # the device ends every line; false: it does not, and a file counts once it rests

    @field_validator("columns", "actual", mode="before")
    @classmethod
    def _spell_out(cls, columns: object) -> object:
        return _spelt_out(columns)


class CsvFolderOptions(Options):
    """What a campaign file may say of a device that is driven through a folder."""

    folder: str = Field(min_length=1)  # shared with the device, as seen from the campaign file
    commands: FolderName = "commands"  # folders in it
    responses: FolderName = "responses"
    taken: FolderName | None = None  # where the device moves what it takes up; left out where it does not
    procedures: FolderName | None = "procedures"  # where the files of a recipe's procedures go; null: nowhere
    heartbeat: str | None = "heartbeat"  # file in it that the device touches; null where it has none
    stale: Positive = 60.0  # seconds without a heartbeat after which nothing is sent
    gone_after: Positive = 600.0  # seconds after which a command that is nowhere is in doubt
    answer_within: Positive | None = None  # hours after which a command without a response is in doubt
    at_once: Annotated[int, Field(ge=1)] | None = None  # commands that the device may have at one time
    command: CommandTemplate = CommandTemplate()
    response: ResponseTemplate = ResponseTemplate()

    @model_validator(mode="after")
    def _check_folders(self) -> CsvFolderOptions:
        every = [f for f in (self.commands, self.responses, self.taken, self.procedures) if f is not None]
        if twice := next((name for name in every if every.count(name) > 1), None):
            raise ValueError(f"folders with different names; {twice!r} is there twice")
        return self


def build(options: Mapping[str, Any], context: AdapterContext) -> CsvFolder:
    """A laboratory behind an exchange folder, from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown, missing or wrong, or a template does not fit the targets.
    """
    from adapters.csv_folder.laboratory import CsvFolder
    from adapters.csv_folder.template import faults_of

    settings = read_options(CsvFolderOptions, "csv_folder", options)
    faults = faults_of(settings.response, context.targets)
    if settings.command.procedure is not None and context.recipe is None:
        faults.append("command.procedure: there is no recipe to be told; add one, or leave the column out")
    if faults:
        raise AdapterOptionsError("csv_folder", faults)
    jobs, base = Jobs(context.folder), Path(context.base)
    return CsvFolder(
        jobs,
        base,
        settings,
        context.targets,
        context.beside,
        recipe=context.recipe,
        words=context.words,
        levels=context.levels,
        parameters=context.parameters,
    )


def _spelt_out(columns: object) -> object:
    """``{name: title}`` as ``{name: {column: title}}``."""
    if not isinstance(columns, Mapping):
        return columns
    return {name: {"column": value} if isinstance(value, str) else value for name, value in columns.items()}
