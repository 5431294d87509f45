"""A campaign file for a library of molecules of which nothing is measured yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from flows.cli.starting.molecules import is_name_of_molecules
from flows.cli.starting.yaml_text import known_before, scalar
from flows.libraries.recipe import Source, format_of
from flows.libraries.records import NAMELESS, columns_of, records_of
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
    name: str | None = TITLE
    if kind in ("table", "parquet"):
        header = columns_of(plain)
        smiles, name = _structures(header, library.name), next(filter(is_name_of_molecules, header), None)
        plain = Source(library, library.name, kind, is_zipped, smiles, None)
        entries.append(f"smiles: {scalar(smiles)}")
    if name is not None and _are_named(Source(library, library.name, kind, is_zipped, plain.smiles, name)):
        entries.append(f"name: {scalar(name)}")
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
        f"  molecule: {{{', '.join(entries)}}}",
        "",
        "# What is measured, and what is wanted: maximize or minimize. Add its unit, such as unit: nM; at_least and",
        "# at_most are thresholds beyond which a result is of no use. Where molecules are active or inactive, write",
        "# classes: [inactive, active] in place of the goal: then as many of the latter as can be had are looked for.",
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
    called = [column for column in header if "smiles" in column.casefold()]
    if not called:
        raise SpecError(
            f"{shown} has no column with SMILES in its header (it has {', '.join(header)}); rename the column of "
            "structures to smiles"
        )
    plain = {re.sub(r"[^a-z]", "", column.casefold()): column for column in reversed(called)}
    return next((plain[name] for name in ("smiles", "canonicalsmiles") if name in plain), called[0])


def _are_named(source: Source) -> bool:
    """Whether each of the first records has a name, and no two have the same."""
    looked = list(islice(records_of(source), LOOK))
    names = [record.name for record in looked if not record.fault]
    return bool(names) and len(set(names)) == len(names) and all(record.fault != NAMELESS for record in looked)
