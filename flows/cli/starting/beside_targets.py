"""Columns that tell of a target and were not varied: it measured again, its deviation, its mean, what was predicted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from flows.cli.starting.columns import Column
from loop.sheets.cells import finite

_AGAIN: Final = frozenset({"rep", "repl", "replicate", "repeat", "duplicate", "dup", "triplicate", "run", "trial"})
_DEVIATION: Final = frozenset({"sd", "std", "stdev", "stddev", "dev", "deviation"})
_STANDARD: Final = frozenset(
    {"standard"}
)  # before deviation; alone it may be a substance, such as an internal standard
_COUNT: Final = frozenset({"n"})
_MADE: Final = frozenset(
    {"average", "avg", "ci", "cv", "err", "error", "max", "mean", "median", "min", "rsd", "se", "sem", "uncertainty"}
)
_PREDICTED: Final = frozenset({"pred", "predicted", "prediction", "des"})  # of a model; BoFire's worth of a candidate
_IS_IT: Final = "is it "
_VALID: Final = frozenset({"valid"})  # as BoFire says which values count


@dataclass(frozen=True, slots=True)
class BesideTargets:
    """What the columns beside the targets tell, by the names of targets.

    Attributes:
        again: Headers of the targets measured again, for each time: ``{"2": {"yield": "yield rep 2 (%)"}}``.
        deviations: The header of each target's standard deviation.
        counts: The header of how many measurements a value is the mean of.
        left_out: Why each of the other columns is no parameter, by header.
        means: Targets whose own column is the mean of the others, by which a row is told that has those.
        valid: The header of what says whether a target's value counts, 1 or 0.
    """

    again: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    deviations: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    means: frozenset[str] = frozenset()
    valid: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What each column is taken for, as a campaign file says it."""
        again = [(header, f"{name} measured again") for of in self.again.values() for name, header in of.items()]
        deviations = [(header, f"the standard deviation of {name}") for name, header in self.deviations.items()]
        counts = [(header, f"of how many values {name} is the mean") for name, header in self.counts.items()]
        valid = [(header, f"whether {name} counts") for name, header in self.valid.items()]
        told = [
            f"not chosen: {header} ({what}; hakken import tells it)"
            for header, what in again + deviations + counts + valid
        ]
        return (*told, *(f"left out: {header} ({why})" for header, why in self.left_out.items()))

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns that may be a target measured again, with what is asked of each."""
        return tuple(f"{header!r}: {why}" for header, why in self.left_out.items() if why.startswith(_IS_IT))

    @property
    def measured(self) -> frozenset[str]:
        """The columns that hold values of targets, by header."""
        return frozenset(header for of in self.again.values() for header in of.values())

    @property
    def headers(self) -> frozenset[str]:
        """All these columns, by header."""
        return frozenset(
            {*self.measured, *self.deviations.values(), *self.counts.values(), *self.valid.values(), *self.left_out}
        )


def beside_targets(columns: Sequence[Column], targets: Sequence[Column]) -> BesideTargets:
    """Which columns tell of a target, going by their names.

    A column tells of a target if its name is that of the target and words such as ``rep 2`` or ``sd``. A number alone
    (``peak 2`` beside ``peak``) may be another quantity: it is left out, and a person may say what it is.
    """
    found = _Found()
    of = [(target, _own(_words(target))) for target in targets]
    for column in (c for c in columns if c not in targets):
        for target, own in sorted(of, key=lambda pair: -pair[1].total()):  # "yield B sd" is of "yield B", not "yield"
            if found.takes(column, target, own):
                break
    found.settle()
    repeats = {
        t.name: [c for c in columns if c.header in {of.get(t.name) for of in found.again.values()}] for t in targets
    }
    means = frozenset(target.name for target in targets if _is_mean(target, repeats[target.name]))
    return BesideTargets(found.again, found.deviations, found.counts, found.left_out, means, found.valid)


@dataclass(slots=True)
class _Found:
    """What columns were taken for so far, as ``BesideTargets`` has it; ``predicted`` names targets of a model."""

    again: dict[str, dict[str, str]] = field(default_factory=dict)
    deviations: dict[str, str] = field(default_factory=dict)
    counts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    valid: dict[str, str] = field(default_factory=dict)
    predicted: set[str] = field(default_factory=set)

    def takes(self, column: Column, target: Column, own: Counter[str]) -> bool:
        """Take a column for what it tells of a target, whose name has ``own`` words; whether it tells anything."""
        if name := _numbered_like(target, column):
            first, second = (f"{name} rep {_words_apart(c)[1][0]}" for c in (target, column))
            self.left_out[column.header] = _asked(target.name, f"them '{first}' and '{second}'")
            return True
        if not own or own - _words(column):
            return False
        more = _words(column) - own
        words, numbers = {w for w in more if not w.isdecimal()}, [w for w in more if w.isdecimal()]
        has_unit = column.unit in ("", target.unit)
        if words and words <= _AGAIN and has_unit:
            time = " ".join(numbers) or "again"
            if target.name in self.again.get(time, {}):  # "yield run 2" beside "yield rep 2"
                time = column.header
            self.again.setdefault(time, {})[target.name] = column.header
        elif words & _DEVIATION and words <= _DEVIATION | _STANDARD and not numbers and has_unit:
            self._take(self.deviations, target, column)
        elif words == _COUNT and not numbers:
            self._take(self.counts, target, column)
        elif words == _VALID and not numbers and {finite(cell) for cell in column.distinct} <= {0.0, 1.0}:
            self._take(self.valid, target, column)
        elif words & _PREDICTED and words <= _PREDICTED | _DEVIATION | _MADE:
            self.predicted.add(target.name)
            self.left_out[column.header] = f"going by its name a model predicted it of {target.name}"
        elif words and words <= _AGAIN | _DEVIATION | _STANDARD | _COUNT | _MADE:
            self.left_out[column.header] = f"going by its name it tells of {target.name}; rename it if it was varied"
        elif numbers and not words and column.numbers is not None:
            self.left_out[column.header] = _asked(target.name, f"it '{target.name} rep {numbers[0]}'")
        else:
            return False
        return True

    def settle(self) -> None:
        """Leave out what others say themselves: how measured columns scatter, and deviations of a model."""
        for name in {name for of in self.again.values() for name in of}:
            for told in (self.deviations, self.counts):
                if header := told.pop(name, ""):
                    self.left_out[header] = f"what the columns of {name} say themselves"
        for name in self.predicted:
            if header := self.deviations.pop(name, ""):
                self.left_out[header] = (
                    f"beside what a model predicted of {name} it is the deviation of that; rename it if not"
                )

    def _take(self, found: dict[str, str], target: Column, column: Column) -> None:
        """Take a column for what ``found`` holds of targets; a second one of a target is left out."""
        if (first := found.setdefault(target.name, column.header)) != column.header:
            self.left_out[column.header] = f"{first} says it of {target.name}"


def repeats_of(name: str, columns: Iterable[Column]) -> tuple[list[Column], list[Column]]:
    """Columns that hold what is called ``name`` measured several times: those that say so, and those with a number
    alone, which may be further quantities."""
    wanted = sorted(re.findall(r"[^\W\d_]+", name.casefold()))
    said, numbered = [], []
    for column in columns:
        words, numbers = _words_apart(column)
        if sorted(w for w in words if w not in _AGAIN) == wanted and column.numbers is not None:
            if set(words) & _AGAIN:
                said.append(column)
            elif numbers:
                numbered.append(column)
    return said, numbered


def _asked(target: str, names: str) -> str:
    """Why a column that has a target's name and another number is no parameter."""
    return (
        f"{_IS_IT}{target} measured again? then call {names}; was something else measured? then name it with --target; "
        "rename it if it was varied"
    )


def _numbered_like(target: Column, column: Column) -> str:
    """The name that a target and a column share but for the one number of each, ``peak`` of ``peak 1`` and ``peak 2``;
    "" where they share none."""
    (words, numbers), (others, further) = _words_apart(target), _words_apart(column)
    is_like = words == others and len(numbers) == len(further) == 1 and numbers != further
    is_measured = column.numbers is not None and column.unit in ("", target.unit)
    if not (is_like and is_measured and words) or set(words) & _AGAIN:
        return ""
    return re.sub(r"[\s_.-]*\d+[\s_.-]*", " ", target.name).strip()


def _words_apart(column: Column) -> tuple[list[str], list[str]]:
    """The words and the numbers of a name, each in turn."""
    found = re.findall(r"[^\W\d_]+|\d+", column.bare.casefold())
    return [w for w in found if not w.isdecimal()], [w for w in found if w.isdecimal()]


def _is_mean(target: Column, repeats: Iterable[Column]) -> bool:
    """Whether what a target's column says is the mean of its repeats, as rounded there, in each row that can tell."""
    told = dict(target.cells)
    by_line: dict[int, list[str]] = defaultdict(list)
    for column in repeats:
        for line, cell in column.cells:
            by_line[line].append(cell)
    rows = 0
    for line, cells in by_line.items():
        said, values = finite(told.get(line, "")), [v for v in map(finite, cells) if v is not None]
        if said is None or len(values) < len(cells) or len(set(values)) < 2:
            continue
        place = 10.0 ** -len(told[line].partition(".")[2])
        if abs(fmean(values) - said) > 0.5 * place * (1 + 1e-9):
            return False
        rows += 1
    return rows > 1


def _words(column: Column) -> Counter[str]:
    """Words and numbers of a name, which may follow each other without a space, as in ``rep2``."""
    return Counter(re.findall(r"[^\W\d_]+|\d+", column.bare.casefold()))


def _own(words: Counter[str]) -> Counter[str]:
    """The words of a target's name, without those that say which measurement it is: ``yield`` of ``yield rep 1``."""
    if not _AGAIN & words.keys():
        return words
    return Counter({w: n for w, n in words.items() if w not in _AGAIN and not w.isdecimal()})
