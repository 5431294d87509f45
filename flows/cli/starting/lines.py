"""The parts of a guessed campaign file, line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flows.cli.starting.columns import Column
from flows.cli.starting.parts import Part, comment
from flows.cli.starting.yaml_text import flow, known_before, scalar
from loop.objective.scale import powers_spanned
from loop.units import is_of_amounts, is_percent

_NUMBERED: Final = re.compile(r"(.*?)[ _.-]*(?:\d+|[A-Z])")
_MAY_FALL: Final = re.compile(  # of what its unit alone would let be zero or above
    "shift|delta|change|differ|error|deviation|gain|loss|\N{GREEK CAPITAL LETTER DELTA}|\N{INCREMENT}", re.IGNORECASE
)
ENOUGH: Final = 3  # results of a moved campaign from which on a model plans: docs/decisions/0046


def planning(size: int | None, n_results: int, target: str, parts: Sequence[Part], *, is_import: bool) -> list[str]:
    """The planner's section and the budget, and between them what may be known before."""
    budget = min(50, size or 50)
    batch = min(5, budget)
    initial = enough_to_learn(n_results, batch) if is_import else batch
    started = "imported results count among them" if is_import else "before there is anything to learn from"
    return [
        "planner:",
        "  surrogate: committee      # several models; those that predict best count most",
        "  acquisition: auto         # improvement | exploration | thompson | ucb | pareto | random",
        f"  batch: {batch}                  # experiments planned together",
        f"  initial: {{design: spread, experiments: {initial}}}   # {started}",
        "",
        *known_before(target, *_choice_of(parts)),
        f"budget: {{experiments: {budget}}}",
    ]


def interchangeable(parts: Sequence[Part]) -> list[str]:
    """Comments on choices that are numbered and share half of their options, of which perhaps none is the first."""
    choices = [p for p in parts if p.size is not None and not p.fractions and p.columns[0].numbers is None]
    numbered: dict[str, list[Part]] = {}
    for part in choices:
        if found := _NUMBERED.fullmatch(part.name):
            numbered.setdefault(found[1], []).append(part)
    return [
        line
        for alike in numbered.values()
        if len(alike) > 1 and _are_shared([frozenset(part.columns[0].distinct) for part in alike])
        for line in (
            "# Where nothing says which of these is the first, give them the same options, and under constraints:",
            f"#   - {{interchangeable: [{flow(part.name for part in alike)}]}}",
        )
    ]


def _are_shared(options: Sequence[frozenset[str]]) -> bool:
    return 2 * len(frozenset.intersection(*options)) >= max(map(len, options))


def target(column: Column, goal: str) -> str:
    entries = [f"goal: {goal}"]
    hints = []
    if column.unit:
        entries.append(f"unit: {scalar(column.unit)}")
    elif column.numbers != (0.0, 1.0):
        hints.append('no unit in the header; add one, such as unit: "%"')
    if column.numbers == (0.0, 1.0):
        hints.append(
            "0 and 1 only: with classes: [inactive, active] as many of the latter as can be had are looked for"
        )
    is_share = goal == "maximize" and is_percent(column.unit)
    if not is_share and (powers := powers_spanned(column.numbers or ())) is not None:
        hints.append(f"values span {powers:.1f} powers of ten; with scale: log it counts by which factor they differ")
    if is_percent(column.unit) and all(0 <= value <= 100 for value in column.numbers or ()):
        entries.append("low: 0, high: 100")
    elif is_of_amounts(column.unit or "") and min(column.numbers or (-1.0,)) >= 0 and not _MAY_FALL.search(column.name):
        entries.append("low: 0")
    return f"{scalar(column.name)}: {{{', '.join(entries)}}}" + comment(column, hints)


def laboratory(parts: Sequence[Part], measured: Sequence[Column], path: str, *, is_complete: bool) -> list[str]:
    columns = {name: header for p in parts for name, header in p.sources.items()} | {c.name: c.header for c in measured}
    renamed = {name: header for name, header in columns.items() if name != header}
    emulator = ["laboratory:", "  adapter: emulator", f"  table: {scalar(path)}"]
    if renamed:
        emulator.append(f"  columns: {{{', '.join(f'{scalar(k)}: {scalar(v)}' for k, v in renamed.items())}}}")
    if is_complete:
        head = "# The table holds every combination, so it can play the laboratory. For real work: {adapter: manual}."
        return [head, *emulator]
    return [
        "# A person runs it, with a worksheet for each batch. Where the table knows every answer it can play the",
        "# laboratory instead:",
        *(f"#   {line}" for line in emulator),
        "laboratory: {adapter: manual}",
    ]


def enough_to_learn(results: int, usual: int) -> int:
    """How many experiments of a moved campaign come before the first model: as many as usual, or all its results where
    these are fewer and enough for a model."""
    return results if ENOUGH <= results < usual else usual


def _choice_of(parts: Sequence[Part]) -> tuple[str, tuple[str, ...]]:
    """The first parameter that is a choice, with two of its options; "" and none where there is none."""
    for part in parts:
        if part.size is not None and part.fractions is None and part.columns[0].numbers is None:
            return part.name, part.columns[0].distinct[:2]
    return "", ()
