"""A campaign file for a library of molecules of which nothing is measured yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from flows.cli.starting.molecules import is_name_of_molecules, may_name_molecules
from flows.cli.starting.yaml_text import known_before, scalar
from flows.libraries.recipe import Source, format_of
from flows.libraries.records import FIELDLESS, NAMELESS, Record, columns_of, fields_of, records_of
from loop.errors import SpecError

LOOK: Final = 1_000  # records that tell whether molecules have names of their own
TITLE: Final = "name"  # what a list of SMILES and an SDF call the names that they give


def library_text(library: Path, path: str, campaign: str, targets: Mapping[str, str]) -> str:
    """A commented campaign file.

    Args:
        library: The file, in any format that a library has.
        path: The file as the campaign file would name it.
        campaign: The campaign's name.
        targets: What is to be measured, and the goal of each.

    Raises:
        SpecError: The file cannot be read, or no column of it is called after SMILES.
    """
    kind, is_zipped = format_of(library.name)
    if not library.is_file():
        raise SpecError(f"{library}: no such file (looked for {library.absolute()}); check the name")
    plain = Source(library, library.name, kind, is_zipped, "smiles", None)
    entries = ["type: molecule", f"file: {scalar(path)}"]
    names = [TITLE]
    if kind in ("table", "parquet"):
        header = columns_of(plain)
        plain = replace(plain, smiles=_structures(header, library.name))
        entries.append(f"smiles: {scalar(plain.smiles)}")
        names = _naming(header)
    elif kind == "sdf":
        names += [name for name in _naming(fields_of(plain)) if name != TITLE]
    found = {name: _nameless(replace(plain, name=name)) for name in names}
    named = next((name for name, fault in found.items() if fault is None), None)
    if named is not None:
        entries.append(f"name: {scalar(named)}")
    first = next(iter(targets))
    lines = [
        f"# Written by hakken init for the library {library.name}. Read it through, and mend what is wrong;",
        "# then: hakken validate FILE, which says what became of every line of the library",
        "",
        f"campaign: {scalar(campaign)}",
        "",
        "# Which molecule. What may be added to leave some out, or to take salts and their parents for one:",
        "#   standardise: {salts: strip, charges: neutralise}",
        "#   filters: {properties: {MolWt: {at_most: 500}}, alerts: [PAINS]}",
        "space:",
        *([] if named is not None else _unused(found, kind)),
        f"  molecule: {{{', '.join(entries)}}}",
        "",
        "# What is measured, and what is wanted: maximize, minimize, match (value: 2, within: 1), keep (at_most: 50).",
        "# Add its unit, such as unit: nM; at_least and at_most are thresholds beyond which a result is of no use.",
        "# What spans powers of ten, as an IC50 does, takes scale: log.",
        "# Several targets make a front, or one score by tradeoff. Where molecules are active or inactive, write",
        "# goal: maximize, classes: [inactive, active]: then as many of the latter as can be had are looked for.",
        "objective:",
        *(f"  {scalar(target)}: {{goal: {goal}}}" for target, goal in targets.items()),
        "",
        "planner:",
        "  surrogate: committee      # several models; those that predict best count most",
        "  acquisition: auto         # improvement | exploration | thompson | ucb | pareto | random | top",
        "  batch: 5                  # experiments planned together",
        "  initial: {design: spread, experiments: 5}   # before there is anything to learn from",
        "",
        *known_before(first, "", ()),
        "budget: {experiments: 50}",
        "",
        "# A person runs it, with a worksheet for each batch.",
        "laboratory: {adapter: manual}",
    ]
    return "\n".join(lines) + "\n"


def _structures(header: list[str], shown: str) -> str:
    """The column of structures, going by its header. Raises ``SpecError``."""
    called = [column for column in header if "smiles" in column.casefold() and column.isprintable()]
    if not called:
        known = ", ".join(header).encode(errors="replace").decode()  # it need not be UTF-8
        raise SpecError(
            f"{shown} has no column with SMILES in its header (it has {known}); rename the column of structures to "
            "smiles"
        )
    plain = {re.sub(r"[^a-z]", "", column.casefold()): column for column in reversed(called)}
    return next((plain[name] for name in ("smiles", "canonicalsmiles") if name in plain), called[0])


def _naming(header: list[str]) -> list[str]:
    """Columns that may name molecules, going by their headers, those that plainly do first.

    One whose header is not UTF-8, or of several lines, has no name that a campaign file could give.
    """
    found = [column for column in header if column.isprintable() and may_name_molecules(column)]
    return sorted(found, key=lambda column: not is_name_of_molecules(column))


def _nameless(source: Source) -> str | None:
    """Which of the first records has no name of its own; None where each has one, "" where none has."""
    looked = list(islice(records_of(source), LOOK))
    named: dict[str, Record] = {}
    fault = None
    for record in looked:
        if record.fault.startswith((NAMELESS, FIELDLESS)):
            fault = fault or f"line {record.place} has none"
        elif not record.fault:
            first = named.setdefault(record.name, record)
            if first.text != record.text:  # the same entry again is no other molecule
                fault = fault or f"line {record.place} has that of line {first.place}"
    return fault if named else ""


def _unused(found: Mapping[str, str | None], kind: str) -> list[str]:
    """Comments on names that not every molecule has: the column is for a person to choose."""
    name, fault = next(((name, fault) for name, fault in found.items() if fault), ("", ""))
    if not name:
        return []
    shown = {"smiles": "The second field of a line", "sdf": "The title" if name == TITLE else f"The field {name}"}
    what = shown.get(kind, f"The column {name}")
    return [
        f"  # {what} may be a name, but not every molecule has one of its own ({fault}).",
        f"  # So they are called by their SMILES; with name: {scalar(name)} by it, and records without are left out.",
    ]
