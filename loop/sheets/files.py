"""Files of tables as spreadsheets save them: text in several encodings, workbooks and Parquet; and what others are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loop.errors import SpecError
from loop.sheets.letters import UTF8, UTF16, UTF16_MARKS, WINDOWS, encoding_of
from loop.sheets.parquet import in_csv
from loop.sheets.second_headers import with_one_header
from loop.sheets.workbooks import ZIP, NoWorkbook, is_workbook, read_workbook

_PAGE: Final = "a web page; download the file that it shows, or save its table as CSV"
_IN_ITS_PLACE: Final = {  # how begins what people get in the place of a file that they fetched
    b"version https://git-lfs.github.com/spec/": (
        "a pointer of Git LFS, which stands for the file; fetch the file itself (git lfs pull, or Download on its page)"
    ),
    b"<!DOCTYPE html": _PAGE,
    b"<!doctype html": _PAGE,
    b"<html": _PAGE,
}
_NO_TEXT: Final = _IN_ITS_PLACE | {  # how files begin that people take for a table
    ZIP: "an Excel workbook or another archive, and no text; save the sheet as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls) or one with a password; save it as .xlsx without, or as CSV",
    b"\x1f\x8b": "packed by gzip; unpack it first",
    b"%PDF-": "a PDF; save the table that it shows as CSV",
    b"ARROW1": "an Arrow (Feather) file; write it as Parquet or CSV",
    b"PAR1\x15": "a Parquet file that is damaged, or is not read here; write it anew, or as CSV",
    b"\xff\xfe": 'in UTF-16, as Excel\'s "Unicode text" is; save it as UTF-8',
    b"\xfe\xff": 'in UTF-16, as Excel\'s "Unicode text" is; save it as UTF-8',
}

OTHER_LETTERS: Final = (
    "neither in UTF-8 nor in UTF-16 or Windows-1252, but perhaps in GBK or another encoding; save it as UTF-8 "
    '(in Excel: "CSV UTF-8")'
)


class NoTable(ValueError):
    """A file that is no table; says what it is, and the way out."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table's text, and how it was read where that is not plain."""

    text: str
    encoding: str = UTF8
    remark: str = ""  # which sheet it is of several, what was made of two lines of header, what may be something else

    @property
    def is_guessed(self) -> bool:
        """Whether its letters may be others: it is in no encoding that says itself what it is."""
        return self.encoding == WINDOWS

    def said(self, shown: str) -> str:
        """How the file called ``shown`` was read; "" where that is plain."""
        remark = f"{shown}: {self.remark}" if self.remark else ""
        return "; ".join(said for said in (read_as(shown, self.encoding), remark) if said)

    def doubt(self, shown: str) -> str:
        """What follows a complaint of the file called ``shown``: how it was read, and what to do if that is wrong."""
        said = self.said(shown)
        return f" ({said}{'; where its letters are wrong, save it as UTF-8' * self.is_guessed})" if said else ""


def read_table_file(data: bytes) -> TableFile:
    """The text of a table: in UTF-8, UTF-16 with its mark or Windows-1252; of a workbook, of the sheet in front; of a
    Parquet file, the CSV that says the same.

    Raises:
        NoTable: It is none, or in another encoding.
    """
    data = in_csv(data)
    if is_workbook(data):
        try:
            book = read_workbook(data)
        except NoWorkbook as error:
            raise NoTable(str(error)) from None
        text, second = with_one_header(book.read.text)
        return TableFile(text, remark="; ".join(said for said in (book.said, second) if said))
    if not data.startswith(UTF16_MARKS) and (
        other := no_text(data) or ("no text; save it as CSV" if b"\0" in data else "")
    ):
        raise NoTable(other)
    if (encoding := encoding_of([data])) is None:
        raise NoTable(OTHER_LETTERS)
    text, second = with_one_header(data.decode(encoding, errors="replace"))
    return TableFile(text, encoding, second)


def table_called(shown: str, data: bytes) -> TableFile:
    """The same of a file that messages call ``shown``. Raises ``SpecError`` where it is no table."""
    try:
        return read_table_file(data)
    except NoTable as other:
        raise SpecError(f"{shown} is {other}") from None


def read_as(shown: str, encoding: str | None) -> str:
    """What is to be said of a table whose ``encoding`` had to be guessed; "" of any other."""
    return f"{shown} is not in UTF-8, and was read as Windows-1252" if encoding == WINDOWS else ""


def no_text(data: bytes) -> str:
    """What a file is that is no text in UTF-8, and the way out; "" where its first bytes tell nothing."""
    return next((said for begins, said in _NO_TEXT.items() if data.startswith(begins)), "")


def in_its_place(data: bytes) -> str:
    """What was fetched in the place of a file of any kind, and the way out; "" where that is not seen."""
    return no_text(data) if data.startswith(tuple(_IN_ITS_PLACE)) else ""


def in_utf8(data: bytes) -> bytes:
    """The bytes of a text in UTF-8 where its mark says that it is in UTF-16; any other as they are."""
    return data.decode(UTF16, errors="replace").encode() if data.startswith(UTF16_MARKS) else data


def is_whole(data: bytes) -> bool:
    """Whether a table is there to its end: its last line ends, since one cut off within a number would be another
    number. A workbook that is cut off cannot be read."""
    return is_workbook(data) or data.endswith((b"\n", b"\r", b"\n\0", b"\r\0"))  # the latter in UTF-16
