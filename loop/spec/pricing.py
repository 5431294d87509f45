"""Prices as a campaign file points at them: found in a column of the table that the options come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from loop.errors import MoleculeError, SpecError, did_you_mean
from loop.sheets.cells import finite, has_decimal_comma, hint_of, without_doubt
from loop.spec.space_models import (
    ComponentSpec,
    MoleculeSpec,
    NumberSpec,
    ParameterSpec,
    ProductsSpec,
    ReagentsSpec,
)
from loop.spec.tables import ReadFile, read_table

Priced: TypeAlias = ComponentSpec | MoleculeSpec | ReagentsSpec  # whose options may have a price each
TABLES: Final = (".csv", ".tsv", ".txt")
LISTED: Final = 8  # lines that are named of those that are wrong


def of_name(space: Mapping[str, ParameterSpec], name: str) -> ParameterSpec | ReagentsSpec | None:
    """The parameter called ``name``, or the list of reagents that ``PARAMETER.LIST`` names; None where none is."""
    parameter, _, which = name.rpartition(".")
    if name not in space and isinstance(products := space.get(parameter), ProductsSpec):
        return products.reagents.get(which)
    return space.get(name)


def resolve_prices(
    key: str,
    column: str,
    name: str,
    written: ParameterSpec | ReagentsSpec | None,
    found: ParameterSpec | ReagentsSpec | None,
    read: ReadFile,
) -> dict[str, float]:
    """The price of every option of a parameter, by its name, from a ``column`` of its table.

    Args:
        key: Of ``costs``, under which the prices may stand themselves: options or once.
        column: As the campaign file names it.
        name: Of the parameter.
        written: The parameter as the campaign file has it, None where it has no such one.
        found: The same with its options in place.
        read: Gives the text of a file.

    Raises:
        SpecError: There is no table or column of that name, or an option has no price in it; says what to do.
    """
    if isinstance(written, NumberSpec):
        raise SpecError(f"{name!r} is a number and has no options; price options of a category or component")
    if isinstance(written, ProductsSpec):
        lists = ", ".join(f"{name}.{which}" for which in written.reagents)
        raise SpecError(f"the products of {name!r} are too many to be priced one by one; price their reagents: {lists}")
    if not isinstance(written, Priced) or written.file is None:
        raise SpecError(f"{name!r} comes from no table of its own; write the prices under costs.{key}.{name}")
    if written.name is None and isinstance(written, MoleculeSpec | ReagentsSpec) and written.standardise is not None:
        raise SpecError(f"{name!r} is standardised, so its structures are not those of the table; give it name: too")
    assert isinstance(found, Priced)
    if found.options is None:
        raise SpecError(
            f"{name!r} has too many molecules to be priced one by one; filter it to 5,000 at most, or write under "
            f"costs.{key}.{name} what those cost that are not free"
        )
    files = [written.file] if isinstance(written.file, str) else written.file
    prices: dict[str, float] = {}
    for file in files:
        if not file.casefold().endswith(TABLES):
            raise SpecError(f"prices are read from CSV tables, and {file} is none; save it as one")
        wrong: list[tuple[int, str]] = []
        for line, option, cell in _rows(file, column, written, read):
            if option not in found.options:
                continue
            price = finite(cell)
            if price is None or price < 0:
                wrong.append((line, cell))
            else:
                prices.setdefault(option, price)  # of what stands twice, the first counts, as it does for its name
        if wrong:
            raise SpecError(_no_prices(file, wrong))
    if missing := [option for option in found.options if option not in prices]:
        raise SpecError(
            f"{len(missing)} of {len(found.options)} options have no price in the column {column!r}, the first "
            f"{missing[0]}; fill it in, 0 for what is there already"
        )
    return prices


def _no_prices(file: str, wrong: Sequence[tuple[int, str]]) -> str:
    """What is wrong with cells that are no prices, of several lines what they have in common with the first."""
    named, more = wrong[:LISTED], len(wrong) - LISTED
    got = ", ".join(repr(text) for text in dict.fromkeys(without_doubt(cell) for _, cell in named))
    lines = ", ".join(str(line) for line, _ in named) + (f" and {more} more" if more > 0 else "")
    where, a_price = ("line", "a price is a number") if len(wrong) == 1 else ("lines", "prices are numbers")
    has_commas = any(has_decimal_comma(cell) or hint_of(cell) for _, cell in wrong)
    commas = " (with a point as decimal sign)" if has_commas else ""
    return (
        f"{file} {where} {lines}: {a_price} of zero or above{commas}, got {got}; write what one experiment's worth "
        "costs, or leave what cannot be had out of the table"
    )


def _rows(file: str, column: str, spec: Priced, read: ReadFile) -> Iterator[tuple[int, str, str]]:
    """Line, name and price, as it stands there, of each row that has both."""
    rows = read_table(read(file), file)
    header = list(rows[0][1]) if rows else []
    if rows and column not in header:
        raise SpecError(f"{file} has no column {column!r}{did_you_mean(column, header)}; it has {', '.join(header)}")
    for line, row in rows:
        if row[column]:
            yield line, _name_of(row, spec), row[column]


def _name_of(row: Mapping[str, str], spec: Priced) -> str:
    """By what the option of a row is called: its name, or its structure; "" where that cannot be read."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only where structures are names

    if spec.name is not None:
        return row.get(spec.name, "")
    try:
        return canonical_smiles(row.get(spec.smiles, ""))
    except MoleculeError:
        return ""  # whoever reads the options says so
