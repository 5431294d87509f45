"""Encodings: what spreadsheets save is read, and letters of other encodings are never taken for Western ones."""

from __future__ import annotations

import pytest

from loop.errors import SpecError
from loop.sheets.files import read_table_file, table_called
from loop.sheets.letters import encoding_of

WESTERN = [
    "L\xf6sungsmittel;Temperatur \xb0C;Gr\xf6\xdfe\nWasser;60;3\n",
    "d\xe9bit [\xb5L/min],r\xe9action\n10,\xabcr\xe9\xe9e\xbb\n",
    "\xc5ngstr\xf6m,\xb12 \xb0C,m\xb2\xb7K\n\u201cquoted\u201d,25\xb0\u201330\xb0,Celite\xae 545\n",
    "name\nM\xfcller\u2013\xd6zdemir\n\xbfQu\xe9?\n\xc9TUD\xc9E\n",
]
OTHERS = [
    ("gbk", "\u6e29\u5ea6,\u6eb6\u5242,\u4ea7\u7387\n60,\u6c34,50\n"),
    ("gb18030", "\u5421\u5576,\u82ef\n"),
    ("big5", "\u540d\u7a31,\u7d50\u69cb\n"),
    ("shift_jis", "\u6e29\u5ea6,\u6eb6\u5a92,\u53ce\u7387\n"),
    ("euc_kr", "\uc628\ub3c4,\uc6a9\ub9e4\n"),
    ("cp1251", "\u0422\u0435\u043c\u043f\u0435\u0440\u0430\u0442\u0443\u0440\u0430\n"),
    ("cp1253", "\u0398\u03b5\u03c1\u03bc\u03bf\u03ba\u03c1\u03b1\u03c3\u03af\u03b1\n"),
]


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_spreadsheets_save_is_read(text: str, encoding: str) -> None:
    data = text.encode(encoding)

    assert read_table_file(data).text == text


@pytest.mark.parametrize(("encoding", "text"), OTHERS)
def test_other_letters_are_refused_with_the_remedy(encoding: str, text: str) -> None:
    with pytest.raises(SpecError, match=r"t.csv is neither in UTF-8 nor in .* perhaps in GBK .*; save it as UTF-8"):
        table_called("t.csv", text.encode(encoding))


@pytest.mark.parametrize("text", [*WESTERN, *(text for _, text in OTHERS)])
def test_utf8_with_one_byte_that_is_not_is_no_windows_1252(text: str) -> None:
    assert encoding_of([text.encode() + b"\xff\n"]) is None


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_letters_may_lie_in_two_parts(text: str, encoding: str) -> None:
    data = text.encode(encoding)

    assert encoding_of([data[:2], *(data[i : i + 1] for i in range(2, len(data)))]) == encoding_of([data])
