"""Pickled data frames: every kind of column that pandas writes, and nothing that a pickle asks for is done."""

from __future__ import annotations

import base64
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from flows.importing.frames import FrameError, read_frame

# pandas 3.1 with pyarrow 26, protocols 4 and 5: texts with one missing, floats, categories, integers with one missing,
# and truth values; made by
#   pd.DataFrame({"a": ["x", "yy", None, "zzz"], "b": [1, 2, 3, 4.5], "c": pd.Categorical(list("uvuu")),
#                 "d": pd.array([1, None, 3, 4], dtype="Int64"), "e": [True, False, True, True]})
ARROW = (Path(__file__).parent / "data/frames_arrow.txt").read_text().split()


class Touch:
    """A pickle that makes a file where it is loaded as Python does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("text", ARROW, ids=["protocol-4", "protocol-5"])
def test_every_kind_of_column_is_read(text: str) -> None:
    columns, rows = read_frame(text)

    assert columns == {
        "a": ["x", "yy", None, "zzz"],
        "b": [1.0, 2.0, 3.0, 4.5],
        "c": ["u", "v", "u", "u"],
        "d": [1, None, 3, 4],
        "e": [True, False, True, True],
    }
    assert rows == [0, 1, 2, 3]


def test_what_a_pickle_asks_for_is_not_done(tmp_path: Path) -> None:
    hostile = pickle.dumps(Touch(tmp_path / "touched"))
    assert pickle.loads(hostile) == 0
    assert (tmp_path / "touched").exists()
    (tmp_path / "touched").unlink()

    with pytest.raises(FrameError, match=r"it holds (posix|nt)\.system, which is no part of a data frame"):
        read_frame(base64.b64encode(hostile).decode())

    assert not (tmp_path / "touched").exists()


def test_names_of_known_packages_stay_inert_too(tmp_path: Path) -> None:
    path = tmp_path / "touched"
    asks = f"cnumpy.f2py\ncrackfortran\n(S'{path}'\ntR.".encode()  # calls numpy.f2py.crackfortran(path)

    with pytest.raises(FrameError, match="a pickled data frame of an unknown kind"):
        read_frame(base64.b64encode(asks).decode())

    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not base64!", "not a pickled data frame"),
        (base64.b64encode(b"garbage").decode(), "not a pickled data frame"),
        (base64.b64encode(pickle.dumps({"a": 1})).decode(), "unknown kind"),
        (ARROW[0][:400], "not a pickled data frame"),
    ],
)
def test_what_is_no_frame_is_refused(text: str, says: str) -> None:
    with pytest.raises(FrameError, match=says):
        read_frame(text)
