"""A foreign campaign: what every reader makes of its format, in the words that a campaign file has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Setting: TypeAlias = str | float

NAMES_ONLY: Final = "without structures"  # begins the comment on substances that became a choice between names


@dataclass(frozen=True, slots=True)
class Entry:
    """A parameter, a constraint or a target: the keys of a campaign file, and comments that stand beside them.

    A constraint's ``name`` is what messages call it, "" for none.
    """

    name: str
    keys: Mapping[str, Any]
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value, with its standard deviation and its qualifier where the source has them."""

    value: float
    sd: float | None = None
    qualifier: str = ""  # "<" or ">" where it is a limit


@dataclass(frozen=True, slots=True)
class Result:
    """One experiment that ended: numbers are exactly the source's, in the units of the campaign file."""

    place: str  # where in the source, such as "trial 7"
    settings: Mapping[str, Setting]
    readings: Mapping[str, Reading] = field(default_factory=dict)  # by target
    outcome: str = ""  # "" for measured, "negative", or "fault:KIND"
    comment: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)  # further cells of a told table: plate, day, readings, ...
    further: Mapping[str, Reading] = field(default_factory=dict)  # measured, and of no target there

    def cells(self, targets: Collection[str] = ()) -> dict[str, str]:
        """The result as a row of a told table: what it does not say has no cell. What was measured further is said
        where it is among ``targets``, those of the campaign file.
        """
        row = {name: _text(value) for name, value in self.settings.items()}
        further = {name: reading for name, reading in self.further.items() if self.readings and name in targets}
        for target, reading in {**self.readings, **further}.items():
            row[target] = reading.qualifier + _text(reading.value)
            if reading.sd is not None:
                row[f"{target}_sd"] = _text(reading.sd)
        row |= {name: said for name, said in (("outcome", self.outcome), ("comment", self.comment)) if said}
        return {**row, **self.beside}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A campaign that runs elsewhere.

    Attributes:
        format: The reader's name.
        name: What the source calls it, "" where it has no name.
        described: What the file is, in words, such as "a campaign of BayBE 0.15.0".
        left: What hakken has no words for, item by item. Nothing that the source says is missing here and above.
        notes: What was read otherwise than a person might think.
        pending: Experiments without a result, as labels; they are said and never invented.
        derived: Targets that follow by a formula from those that are measured; they have a key ``expression``.
        text: The campaign file, where the reader wrote it whole.
    """

    format: str
    described: str
    parameters: tuple[Entry, ...]
    targets: tuple[Entry, ...]
    results: tuple[Result, ...]
    constraints: tuple[Entry, ...] = ()
    derived: tuple[Entry, ...] = ()
    tradeoff: str = ""
    name: str = ""
    batch: int | None = None
    description: str = ""
    pending: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""


def later(name: str) -> str:
    """What is said of what was measured and is no target: how it comes all the same."""
    return f"(numbers come with --keep, once {name} is a target of the campaign file)"


def fault(place: str, settings: Mapping[str, Setting], kind: str, why: str) -> Result:
    """An experiment that did not run as intended."""
    return Result(place, settings, outcome=f"fault:{kind}", comment=why)


def label_of(settings: Mapping[str, object]) -> str:
    """Settings in one line, for what is only said."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )


def _text(value: Setting) -> str:
    """A cell that reads as exactly the same number or option."""
    return repr(float(value)) if isinstance(value, int | float) else value
