"""Records of a library file, one at a time: lists of SMILES, tables, SDF and Parquet, gzipped or not."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from itertools import islice, pairwise
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from flows.libraries.recipe import SPAN, Recipe, Source
from loop.errors import MoleculeError, SpecError, did_you_mean
from loop.sheets.cells import delimiter_of, without_mark
from loop.sheets.files import TableFile, read_as, table_called
from loop.sheets.letters import UTF8, WINDOWS, encoding_of
from loop.sheets.workbooks import is_workbook
from loop.spec.tables import no_column

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOK: Final = 65_536  # characters that the delimiter of a table is told from
BLOCK: Final = 1 << 20  # bytes of a file taken at once to see its encoding
BATCH: Final = 10_000  # rows of a Parquet file taken at once
SWALLOWED: Final = 1 << 18  # characters of further lines that quotes may take into a row of a table
NAMELESS: Final = "it has no name"  # the fault of a record without one where names are wanted
LOOKED: Final = 1_000  # lines of a list of SMILES among which further fields are looked for
FIELDLESS: Final = "it has no field"  # how the fault of a record of an SDF begins that lacks the field of names
SHOWN: Final = 500  # characters of a record that a list of lines shows


class Record(NamedTuple):
    """One entry of a library file, nothing of it judged but its shape."""

    place: int  # the line where it begins, from 1 (of Parquet the row), after ``SPAN`` for each file before it
    text: str  # a SMILES, or a block of an SDF
    name: str
    fault: str = ""  # why it is no record


def records(recipe: Recipe) -> Iterator[Record]:
    """Every record of every file, in order. What is wrong with one is its ``fault``.

    Raises:
        SpecError: A file is not what its name says, lacks a column, ends early or is empty.
    """
    for number, source in enumerate(recipe.sources):
        for record in records_of(source):
            yield record._replace(place=record.place + number * SPAN)


def records_of(source: Source) -> Iterator[Record]:
    """Every record of one file, in order; otherwise as ``records``."""
    with _readable(source):
        yield from _READERS[source.format](source)


def columns_of(source: Source) -> list[str]:
    """The columns of a file that has some: a table or Parquet. Raises ``SpecError``."""
    with _readable(source):
        if source.format == "parquet":
            with _parquet_file(source) as file:
                return list(file.schema_arrow.names)
        with _opened(source) as file:
            _, header = _headed(source, file)
            return header


def fields_of(source: Source) -> list[str]:
    """The fields that the first record of an SDF has. Raises ``SpecError``."""
    first = next(records_of(source), None)
    return [] if first is None else list(_tags(first.text))


@contextmanager
def _readable(source: Source) -> Iterator[None]:
    """Inside, what is wrong with a file as a whole is a ``SpecError``."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SpecError(f"{source.shown}: cannot be unpacked ({error}); get the file again, whole") from None
    except OSError as error:
        raise SpecError(f"{source.shown}: cannot be read ({error.strerror or error}); check the file") from None


@contextmanager
def _opened(source: Source) -> Iterator[IO[str]]:
    if (book := _workbook_in(source)) is not None:
        yield io.StringIO(book.text, newline="")
        return
    encoding = encoding_in(source) or UTF8
    errors = "surrogateescape" if encoding == UTF8 else "replace"
    opener: Any = gzip.open if source.is_zipped else open
    with opener(source.path, "rt", encoding=encoding, errors=errors, newline="") as file:
        yield file


def _workbook_in(source: Source) -> TableFile | None:
    """The table of a file that is a workbook, whatever its name says; None of any other. Raises ``SpecError``."""
    opener: Any = gzip.open if source.is_zipped else open
    with opener(source.path, "rb") as file:
        if source.format != "table" or not is_workbook(file.read(LOOK)):
            return None
    found = source.path.stat()
    return _workbook(source.path, source.shown, source.is_zipped, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1)
def _workbook(path: Path, shown: str, is_zipped: bool, size: int, changed: int) -> TableFile:  # noqa: ARG001
    """The same, read once of a file of that size that was changed then."""
    opener: Any = gzip.open if is_zipped else open
    with opener(path, "rb") as file:
        return table_called(shown, file.read())


def encoding_in(source: Source) -> str | None:
    """The encoding of a file of text; None of one in another, and of one in UTF-8 with lines that are not."""
    if _workbook_in(source) is not None:
        return UTF8
    found = source.path.stat()
    return _encoding(source.path, source.is_zipped, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _encoding(path: Path, is_zipped: bool, size: int, changed: int) -> str | None:  # noqa: ARG001 - what is cached by
    """The same, looked for once of a file of that size that was changed then: it is read to its end."""
    opener: Any = gzip.open if is_zipped else open
    with opener(path, "rb") as file:
        return encoding_of(iter(partial(file.read, BLOCK), b""))


def guesses(source: Source) -> list[str]:
    """What is to be said of how a file was read, its encoding and fields; nothing where it is plain."""
    return [*_encoded(source), *_passed_over(source)]


def _encoded(source: Source) -> list[str]:
    if (book := _workbook_in(source)) is not None:
        return [said] if (said := book.said(source.shown)) else []
    if source.format == "parquet" or encoding_in(source) != WINDOWS:
        return []
    return [read_as(source.shown, WINDOWS)]


def _passed_over(source: Source) -> list[str]:
    """A sentence where lines of a list of SMILES have more than two fields, with the first such."""
    if source.format != "smiles":
        return []
    with _opened(source) as file:
        for number, line in enumerate(islice(file, LOOKED), start=1):
            _, name, more = _fields(line)
            if name and more:
                name, more = _plain(name), _plain(more)
                return [
                    f"{source.shown}: the name is what stands before a further tab, as {name!r} in line {number}; what "
                    f"follows it, such as {more!r}, is not read; write a table (.tsv) with a header to choose a column"
                ]
    return []


def _fields(line: str) -> tuple[str, str, str]:
    """Structure, name and what is passed over in a line of a list of SMILES; spaces end no name, a tab does."""
    structure, *rest = line.split(maxsplit=1) or [""]
    name, _, more = (rest[0] if rest else "").partition("\t")
    return structure, name.strip(), more.strip()


def _smiles(source: Source) -> Iterator[Record]:
    with _opened(source) as file:
        for number, line in enumerate(file, start=1):
            structure, name, _ = _fields(line)
            if not structure or (number == 1 and structure.casefold() == "smiles"):
                continue
            yield _checked(source, number, structure, name)


def _table(source: Source) -> Iterator[Record]:
    with _opened(source) as file:
        rows, header = _headed(source, file)
        column, name = _columns(source, header)
        while (row := rows.next(len(header), column)) is not None:
            is_blank = not any(cell.strip() for cell in row.cells)
            if row.fault and not is_blank:
                yield Record(row.begins, _plain(rows.delimiter.join(row.cells)), "", row.fault)
            elif not is_blank:
                text, called = row.cells[column].strip(), row.cells[name].strip() if source.name else ""
                yield _checked(source, row.begins, text, called)


def _headed(source: Source, file: IO[str]) -> tuple[_Rows, list[str]]:
    """The rows of a table below its header, and the header. Raises ``SpecError`` where there is none to read."""
    delimiter = delimiter_of(file.read(LOOK))
    file.seek(0)
    rows = _Rows(file, delimiter)
    while (row := rows.next(0, -1)) is not None:
        if row.fault:
            raise SpecError(f"{source.shown} line {row.begins}: the header cannot be read: {row.fault}")
        if any(cell.strip() for cell in row.cells) and without_mark(delimiter.join(row.cells)):
            return rows, [cell.strip().removeprefix("\ufeff") for cell in row.cells]
    raise SpecError(f"{source.shown}: the file is empty; it needs a header line")


class _Row(NamedTuple):
    """Cells of a table; with a ``fault``, what its first line has of them."""

    begins: int  # its line, from 1
    cells: list[str]
    fault: str = ""


class _Rows:
    """Rows of a table in a stream. A quote that is not closed costs its own line, and none after it."""

    def __init__(self, file: IO[str], delimiter: str) -> None:
        self._file = iter(file)
        self.delimiter = delimiter
        self._back: deque[str] = deque()  # lines that a quote had swallowed, to be read again
        self._used: list[str] = []  # the lines of the row that is read now
        self._line = 1
        self._rows = self._reader()

    def next(self, width: int, column: int) -> _Row | None:
        """The next row, None at the end.

        Args:
            width: How many cells one must have, 0 for any number.
            column: Where its structure stands.
        """
        self._used = []
        begins = self._line
        try:
            cells = next(self._rows, None)
            if cells is None:
                return None
            further = self._used[1:] if width else []
            if further and (len(cells) != width or any(self._is_row(line, width, column) for line in further)):
                raise csv.Error("a quote took in other rows")
        except csv.Error:
            self._back.extendleft(reversed(self._used[1:]))
            self._rows = self._reader()
            self._line = begins + 1
            cells, fault = self._alone(self._used[0])
            if fault:
                return _Row(begins, cells, fault)
        else:
            self._line = begins + len(self._used)
        fault = f"{len(cells)} cells where the header has {width}" if width and len(cells) != width else ""
        return _Row(begins, cells, fault)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self.delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        taken = 0
        while (line := self._back.popleft() if self._back else next(self._file, None)) is not None:
            taken = taken + len(line) if self._used else 0
            self._used.append(line)
            if taken > SWALLOWED:
                raise csv.Error("a quote took in too much")
            yield line

    def _is_row(self, line: str, width: int, column: int) -> bool:
        """Whether a line within quotes is a row of its own, with a molecule where one belongs: no text is so."""
        from loop.molecules.standardise import canonical_smiles

        cells = line.split(self.delimiter)
        if len(cells) != width or not (smiles := cells[column].strip().strip('"')):
            return False
        with suppress(MoleculeError):
            canonical_smiles(smiles)
            return True
        return False

    def _alone(self, line: str) -> tuple[list[str], str]:
        """The cells of a line that cannot be read strictly, such as ``"a" b,c``, and what is wrong with it."""
        reader = csv.reader([line, ""], delimiter=self.delimiter)
        try:
            cells = next(reader)
        except csv.Error as error:
            return [line.strip()[:SHOWN]], f"not readable as CSV ({error}); shorten its cells, or remove the line"
        if reader.line_num > 1:
            return [line.strip()[:SHOWN]], "a quote is opened and not closed; double or remove it"
        return cells, ""


def _sdf(source: Source) -> Iterator[Record]:
    with _opened(source) as file:
        block: list[str] = []
        begins = 1
        for number, line in enumerate(file, start=1):
            if line.rstrip() != "$$$$":
                block.append(line)
                continue
            yield _of_block(source, begins, block)
            block, begins = [], number + 1
        if any(line.strip() for line in block):
            yield _of_block(source, begins, block)


def _of_block(source: Source, begins: int, block: list[str]) -> Record:
    text = "".join(block).replace("\r\n", "\n")
    if source.name is None:
        return _checked(source, begins, text, "")
    title = block[0].strip() if block else ""
    found = _tags(text)
    if source.name in found or source.name == "name":
        return _checked(source, begins, text, found.get(source.name, title))
    hint = did_you_mean(source.name, found)
    fields = f"it has {', '.join(found)}" if found else "it has none; name: name takes its title"
    record = _checked(source, begins, text, "")
    return record._replace(fault=_plain(f"{FIELDLESS} {source.name!r}{hint}; {fields}"))


def _tags(text: str) -> Mapping[str, str]:
    """Data of an SDF block, by name: the line after ``>  <NAME>``, or ``> 25 <NAME> (MFCD00001) DT12``."""
    lines = text.splitlines()
    found = {}
    for line, value in pairwise(lines):
        if line.startswith(">") and "<" in line[1:] and line.rindex(">") > line.index("<"):
            found[line[line.index("<") + 1 : line.rindex(">")]] = value.strip()
    return found


def _parquet(source: Source) -> Iterator[Record]:
    with _parquet_file(source) as file:
        _columns(source, list(file.schema_arrow.names))
        wanted = [source.smiles, *([source.name] if source.name else [])]
        row = 0
        for batch in file.iter_batches(BATCH, columns=wanted):
            columns = batch.to_pydict()
            names = columns[source.name] if source.name else [""] * len(batch)
            for text, name in zip(columns[source.smiles], names, strict=True):
                row += 1
                yield _checked(source, row, _cell(text), _cell(name))


@contextmanager
def _parquet_file(source: Source) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    opened: Any = gzip.open(source.path) if source.is_zipped else str(source.path)  # noqa: SIM115 - closed below
    try:
        yield pyarrow.parquet.ParquetFile(opened)
    except pyarrow.ArrowInvalid as error:
        raise SpecError(
            f"{source.shown}: not readable as Parquet ({str(error).splitlines()[0]}); write the file anew, or "
            "save it as CSV"
        ) from None
    finally:
        if source.is_zipped:
            opened.close()


_READERS: Final[Mapping[str, Callable[[Source], Iterator[Record]]]] = {
    "smiles": _smiles,
    "table": _table,
    "sdf": _sdf,
    "parquet": _parquet,
}


def _columns(source: Source, header: list[str]) -> tuple[int, int]:
    """Where structures and names stand; names stand where structures do if there are none."""
    for column in (source.smiles, source.name):
        if column is not None and header.count(column) != 1:
            if column in header:
                raise SpecError(f"{source.shown}: column {column!r} is given twice; rename or remove one")
            if (told := ", ".join(header)) != _plain(told):
                raise SpecError(
                    f"{source.shown} line 1 is not UTF-8, and has no column {column!r}; save the file as UTF-8"
                )
            raise SpecError(no_column(source.shown, column, header, holds_structures=column == source.smiles))
    place = header.index(source.smiles)
    return place, place if source.name is None else header.index(source.name)


def _checked(source: Source, line: int, text: str, name: str) -> Record:
    try:
        text.encode()
        name.encode()
    except UnicodeEncodeError as error:
        byte = ord(error.object[error.start]) & 0xFF
        return Record(line, _plain(text), _plain(name), f"byte {byte:#x} is not UTF-8")
    return Record(line, text, name, "" if name or source.name is None else NAMELESS)


def _plain(text: str) -> str:
    return text.encode(errors="replace").decode()


def _cell(value: object) -> str:
    return "" if value is None else str(value).strip()
