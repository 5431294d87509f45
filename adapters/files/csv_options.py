"""What the tables of a device behind an exchange folder look like, as a campaign file says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator

from adapters.common.options import Options
from loop.errors import UnitError, did_you_mean
from loop.outcome import FaultKind
from loop.units import check_unit


class Column(Options):
    """A column of the device's tables. A name alone is short for ``{column: NAME}``."""

    column: str = Field(min_length=1)
    unit: str | None = None  # the campaign's own when left out

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str | None) -> str | None:
        try:
            return unit if unit is None else check_unit(unit)
        except UnitError as error:
            raise ValueError(str(error)) from None


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
    key: str | None = Field(default="key", min_length=1)  # column of the key; None: the file's name tells
    status: StatusTemplate | None = None  # None: a column "outcome", in the worksheet's words
    files: str = Field(default="*.csv", min_length=1)  # which files are responses
    final_newline: bool = True  # the device ends every line; False: it does not, and a file counts once it rests

    @field_validator("columns", "actual", mode="before")
    @classmethod
    def _spell_out(cls, columns: object) -> object:
        return _spelt_out(columns)


def _spelt_out(columns: object) -> object:
    """``{name: title}`` as ``{name: {column: title}}``."""
    if not isinstance(columns, Mapping):
        return columns
    return {name: {"column": value} if isinstance(value, str) else value for name, value in columns.items()}
