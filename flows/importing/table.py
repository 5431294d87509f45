"""Plain tables: a campaign file guessed as ``hakken init`` does, and every row with a result."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from flows.cli.starting.guessing import Guess, guess_campaign
from flows.engine.people.rows import IGNORED, PLAIN, is_exported, told_instead
from flows.importing.foreign import Foreign, Reading, Result
from flows.importing.rows import Table, read_rows
from flows.importing.source import ImportFault, Source
from loop.errors import SpecError
from loop.sheets.cells import finite, first_line
from loop.wording import plural

_ELSEWHERE: Final = IGNORED - {"position"} | {"key"}  # in capitals, too; a Position may be that of a substituent
_STATES: Final = ("state", "status", "trial_status")
_UNFINISHED: Final = frozenset(
    {"abandoned", "aborted", "cancelled", "early_stopped", "fail", "failed", "pruned", "running", "stale"}
)
_LIMIT: Final = re.compile(r"\s*(?P<qualifier>[<>]?)\s*(?P<number>\S.*?)\s*")


def recognises(source: Source) -> bool:
    """Text whose first line has several cells, or that is called a table."""
    first = first_line(source.head)
    is_text = "\0" not in source.head and not first.lstrip().startswith(("{", "["))
    return is_text and (any(c in first for c in ",;\t") or source.path.suffix.lower() == ".csv")


def read(source: Source) -> Foreign:
    """The table as a campaign. Raises ``ImportFault``."""
    table = read_rows(source)
    if is_exported(table.header):
        raise ImportFault(told_instead(source.name))
    if not source.goals:
        known = ", ".join(table.header)
        raise source.fault(f"say which columns are measured, such as --target yield; it has {known}")
    targets = {name: source.goal_unsaid(name) for name in source.goals}
    parts = {f"{name}_{part}" for name in targets for part in ("sd", "n", "qualifier")}
    parts -= {f"{name}_sd" for name in targets if f"{name}_pred" in table.header}  # of what a model predicted
    told = {h for h in table.header if h in parts or h.casefold() in PLAIN or _is_elsewhere(h)}
    aside = frozenset(told).difference(source.ignore)
    try:
        guess = guess_campaign(
            table.text(aside),
            source=source.name,
            path=source.table,
            campaign=source.campaign,
            targets=targets,
            ignore=source.ignore,
            command="import",
            plays_laboratory=False,
            ended=[line for line, row in table.rows if any(row[h] for h in told if h.casefold() == "outcome")],
        )
    except SpecError as error:
        said = str(error)
        raise source.fault(said.removeprefix(source.name).lstrip(": ") + source.doubt) from None
    results = _results(source, table, aside, guess)
    left = [what.replace("left out: ", "column ") for what in guess.left_out if what.startswith("left out: ")]
    left += [
        f"column {h}: it says where an experiment stood in another record" for h in sorted(aside) if _is_elsewhere(h)
    ]
    notes = [*(said for said in (source.said, table.missing) if said), *guess.notes]
    again = [f"column {h} is {n} measured again" for of in guess.beside.again.values() for n, h in of.items()]
    notes += [f"{', '.join(again)}: each value is a result of its own"] if again else []
    notes += _said_of_values(table, guess, {result.place for result in results if result.readings})
    notes += [f"{n} is the mean of its further columns, which count in its place" for n in sorted(guess.beside.means)]
    return Foreign(
        format="csv",
        described=f"a table of {plural(len(table.rows), 'row')}",
        parameters=(),
        targets=(),
        results=tuple(results),
        left=tuple(left),
        notes=tuple(notes),
        text=guess.text,
    )


def _results(source: Source, table: Table, aside: frozenset[str], guess: Guess) -> list[Result]:
    """What the rows tell. ``aside`` are columns that are neither parameter nor target."""
    measured = set(guess.targets)
    results: list[Result] = []
    for line, given in table.rows:
        row = given | {guess.sources[n]: "" for n, h in guess.beside.valid.items() if finite(given[h]) == 0.0}
        again = _measured_again(line, row, guess)
        results += again
        means = guess.beside.means & {name for result in again for name in result.readings}
        cells = {name: row[header] for name, header in guess.sources.items() if row[header] and name not in means}
        beside = _labels(row, guess) | {
            h.casefold() if h.casefold() in PLAIN else h: row[h] for h in aside if row[h] and not _is_elsewhere(h)
        }
        if not any(name in cells for name in measured) and not beside.get("outcome"):
            continue
        settings = {n: _setting(c, guess.totals.get(n)) for n, c in cells.items() if n not in measured}
        readings, unread = _readings({n: c for n, c in cells.items() if n in measured})
        for name, header in guess.beside.deviations.items():
            if name in readings and row[header]:
                readings[name] = replace(readings[name], sd=_deviation(source, line, header, row[header]))
        counts = {f"{name}_n": row[header] for name, header in guess.beside.counts.items() if row[header]}
        results.append(Result(f"line {line}", settings, readings, beside=counts | beside | unread))
    return results


def _said_of_values(table: Table, guess: Guess, measured: Collection[str]) -> list[str]:
    """Values that do not count, as the table says, and those that do although their experiment came to no end."""
    notes = []
    for name, header in guess.beside.valid.items():
        if n := sum(finite(row[header]) == 0.0 and bool(row[guess.sources[name]]) for _, row in table.rows):
            notes.append(f"{plural(n, 'value')} of {name} left out: column {header} says 0")
    for header in (h for h in table.header if h.casefold() in _STATES):
        lines = [str(line) for line, row in table.rows if f"line {line}" in measured and _is_unfinished(row[header])]
        if lines:
            notes.append(
                f"line {', '.join(lines)}: column {header} says that it came to no end, and its value counts; leave "
                "the row out if it should not"
            )
    return notes


def _is_unfinished(state: str) -> bool:
    """Whether a state, as Optuna and Ax write it, is that of an experiment without a result."""
    return state.casefold() in _UNFINISHED


def _measured_again(line: int, row: Mapping[str, str], guess: Guess) -> list[Result]:
    """A result for each further time that targets were measured in a row."""
    found = []
    for which, headers in guess.beside.again.items():
        readings, unread = _readings({n: row[header] for n, header in headers.items() if row[header]})
        if readings or unread:
            told = {n: row[h] for n, h in guess.sources.items() if n not in guess.targets and row[h]}
            settings = {n: _setting(cell, guess.totals.get(n)) for n, cell in told.items()}
            beside = _labels(row, guess) | unread
            found.append(Result(f"line {line}, measured {which}", settings, readings, beside=beside))
    return found


def _labels(row: Mapping[str, str], guess: Guess) -> dict[str, str]:
    """What is recorded beside a row's results, such as the plate, as ``hakken tell`` calls it."""
    return {label: row[header] for header, label in guess.labels.items() if row.get(header)}


def _is_elsewhere(header: str) -> bool:
    """Whether a column says where an experiment stood in another record."""
    return header in IGNORED or header.casefold() in _ELSEWHERE


def _setting(cell: str, total: float | None) -> str | float:
    """A cell as it stands; a share of a hundred as a fraction."""
    return cell if total is None else float(cell) / total


def _readings(cells: Mapping[str, str]) -> tuple[dict[str, Reading], dict[str, str]]:
    """The values of targets, by name, and the cells that hold none: these are told as they are, and refused there."""
    readings, unread = {}, {}
    for name, cell in cells.items():
        match = _LIMIT.fullmatch(cell)
        value = finite(match["number"]) if match else None
        if match is None or value is None:
            unread[name] = cell
        else:
            readings[name] = Reading(value, qualifier=match["qualifier"])
    return readings, unread


def _deviation(source: Source, line: int, header: str, cell: str) -> float:
    sd = finite(cell)
    if sd is None:
        raise source.fault(
            f"line {line}: column {header!r} holds standard deviations, which are finite numbers, got {cell!r}; mend "
            f"the cell or leave it empty, or leave the column out (--ignore {shlex.quote(header)})"
        )
    return sd
