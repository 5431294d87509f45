"""Tables and options: CSV text with line numbers, and the options of components with canonical SMILES."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from loop.errors import MoleculeError, SpecError, did_you_mean
from loop.sheets.cells import delimiter_of, named_twice, not_as_wide, used, with_points, without_mark
from loop.spec.library_models import Libraries
from loop.spec.space_models import ComponentSpec, MixtureSpec, MoleculeSpec, ParameterSpec, ProductsSpec, UnionSpec

ReadFile: TypeAlias = Callable[[str], str]


def resolve_options(spec: ParameterSpec, read: ReadFile, libraries: Libraries | None) -> ParameterSpec:
    """The parameter with its options in place and every SMILES canonical, or with the key of its stored library."""
    if isinstance(spec, MixtureSpec) and isinstance(spec.parts, dict):
        parts = [(part, smiles, f"part {part!r}") for part, smiles in spec.parts.items()]
        return spec.model_copy(update={"parts": _canonical(parts, named=True)})
    if isinstance(spec, ProductsSpec):
        from loop.spec.reagents import resolve_reagents

        return resolve_reagents(spec, read)
    if isinstance(spec, UnionSpec):
        from loop.spec.unions import resolve_union

        return resolve_union(spec, read, libraries)
    if not isinstance(spec, ComponentSpec | MoleculeSpec):
        return spec
    if (spec.options is None) == (spec.file is None):
        raise SpecError("give either options or file")
    if isinstance(spec, MoleculeSpec) and (found := _from_library(spec, libraries)) is not None:
        return found
    if spec.options is not None:
        rows: list[tuple[str, str | None, str]] = [
            (option, smiles, f"option {option!r}") for option, smiles in spec.options.items()
        ]
    else:
        files = [spec.file] if isinstance(spec.file, str) else spec.file or []
        rows = [row for file in files for row in _read_options(spec, file, read)]
    named = spec.name is not None or spec.options is not None  # what is written by hand has the name that it was given
    options = _canonical(rows, named=named, with_reactions=isinstance(spec, ComponentSpec))
    if isinstance(spec, ComponentSpec):
        _refuse_one_substance_twice(options)
    elif spec.options is not None:
        _refuse_one_molecule_twice(options)
    return spec.model_copy(update={"options": options, "file": None})


def _from_library(spec: MoleculeSpec, libraries: Libraries | None) -> MoleculeSpec | None:
    """The parameter as its library file makes it; None where it has options, or there is no store."""
    if spec.stored is not None:
        raise SpecError("stored is written by hakken itself; remove it, and give file")
    if spec.options is not None:
        for key in ("standardise", "filters"):
            if getattr(spec, key) is not None:
                raise SpecError(f"{key} goes with file, and this library has options; put them into a file")
        return None
    if libraries is None:
        if spec.standardise is not None or spec.filters is not None:
            raise SpecError("standardise and filters need a store of libraries; give read_spec its libraries")
        return None
    stored, few = libraries.read(spec)
    return spec.model_copy(update={"options": few, "file": None, "stored": stored})


def _canonical(
    rows: Sequence[tuple[str, str | None, str]], *, named: bool, with_reactions: bool = False
) -> dict[str, str | None]:
    from loop.molecules.condensed import canonical_reaction  # RDKit: only where structures are read
    from loop.molecules.standardise import canonical_smiles

    options: dict[str, str | None] = {}
    reacts = with_reactions and any(">" in smiles for _, smiles, _ in rows if smiles)
    for option, smiles, where in rows:
        try:
            read = canonical_reaction if reacts else canonical_smiles
            canonical = None if smiles is None else read(smiles)  # None: nothing is added
        except MoleculeError as error:
            raise SpecError(f"{where}: {error}") from None
        label = option if named or canonical is None else canonical
        if label in options:
            raise SpecError(f"{where}: {label!r} is given twice; names must differ")
        options[label] = canonical
    return options


def _refuse_one_substance_twice(options: Mapping[str, str | None]) -> None:
    """Two options of a component are not one salt written in two ways; the same text twice is refused elsewhere.

    Raises:
        SpecError: They are; names both.
    """
    from loop.molecules.standardise import substance

    seen: dict[str, str] = {}
    for option, smiles in options.items():
        if smiles is None or ">" in smiles:
            continue
        first = seen.setdefault(substance(smiles), option)
        if first != option and options[first] != smiles:
            raise SpecError(
                f"options {first!r} ({options[first]}) and {option!r} ({smiles}) are one substance written in two "
                "ways; keep one of them"
            )


def _refuse_one_molecule_twice(options: Mapping[str, str | None]) -> None:
    """Raises ``SpecError`` where two options of a library are one structure; names both."""
    seen: dict[str | None, str] = {}
    for option, smiles in options.items():
        if (first := seen.setdefault(smiles, option)) != option:
            raise SpecError(f"options {first!r} and {option!r} are one molecule ({smiles}); keep one of them")


def no_column(file: str, column: str, header: Sequence[str], *, holds_structures: bool) -> str:
    """That a table of substances has no column of that name, which it has, and the key that names the right one."""
    key, holds = ("smiles", "structures") if holds_structures else ("name", "names")
    return (
        f"{file} has no column {column!r}{did_you_mean(column, header)}; it has {', '.join(header)}; "
        f"write {key}: and the column that holds {holds}"
    )


def _read_options(spec: ComponentSpec | MoleculeSpec, file: str, read: ReadFile) -> list[tuple[str, str, str]]:
    rows = read_table(read(file), file)
    columns = [c for c in (spec.name, spec.smiles) if c is not None]
    header = list(rows[0][1]) if rows else []
    for column in columns:
        if rows and column not in header:
            raise SpecError(no_column(file, column, header, holds_structures=column == spec.smiles))
    if not rows:
        raise SpecError(f"{file} holds no rows; add options or remove the parameter")
    found = []
    for line, row in rows:
        smiles = row[spec.smiles]
        label = row[spec.name] if spec.name is not None else smiles
        if not label:
            raise SpecError(f"{file} line {line}: the column {spec.name!r} is empty; give every option a name")
        found.append((label, smiles, f"{file} line {line}"))
    return found


def read_table(text: str, source: str) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV text, each with its line number.

    Commas, semicolons and tabs are understood, and decimal commas between the latter. Blank lines and columns without
    a name and a cell are passed over, cells are stripped.

    Raises:
        SpecError: No header, a column named twice, or a row of another length; with the line number.
    """
    text = without_mark(text.removeprefix("\ufeff"))
    delimiter = delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] | None = None
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if header is None:
                header = values
                continue
            if len(values) != len(header):
                raise SpecError(f"{source} line {reader.line_num}: {not_as_wide(header, values, delimiter)}")
            lines.append(reader.line_num)
            rows.append(values)
    except csv.Error as error:
        raise SpecError(f"{source} line {reader.line_num}: not readable as CSV ({error})") from None
    if header is None:
        raise SpecError(f"{source}: the file is empty; it needs a header line")
    kept = used(header, rows)
    named = [header[i] for i in kept]
    if twice := named_twice(named):
        raise SpecError(f"{source}: {twice}")
    plain = with_points([[row[i] for i in kept] for row in rows], delimiter)
    return [(line, dict(zip(named, row, strict=True))) for line, row in zip(lines, plain, strict=True)]
