"""Places in the order of starts: taken once, shared by all who use the folder, and each line read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.common import order as ordering
from adapters.common.order import Order, Place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "order.jsonl"


def test_each_line_is_read_once_however_many_ask(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = ordering._parse_line
    monkeypatch.setattr(ordering, "_parse_line", lambda line: (read.append(line), original(line))[1])
    order = Order(path)

    places = [order.place(f"key {i}", f"experiment {i % 3}") for i in range(60)]
    again = [order.place(f"key {i}", f"experiment {i % 3}") for i in range(60)]

    assert places == again == [Place(i, i // 3) for i in range(60)]
    assert len(read) == 60


def test_two_that_share_the_file_see_each_others_places(path: Path) -> None:
    one, other = Order(path), Order(path)

    assert one.place("a", "x") == Place(0, 0)
    assert other.place("b", "x") == Place(1, 1)
    assert one.place("c", "y") == Place(2, 0)
    assert other.place("a", "x") == Place(0, 0)
    assert one.place("b", "x") == Place(1, 1)


@pytest.mark.parametrize("tail", ['["d", "x', '["d", "x"]'])
def test_a_line_that_was_torn_is_ended_and_one_that_is_whole_counts(path: Path, tail: str) -> None:
    order = Order(path)
    order.place("a", "x")
    with path.open("a") as file:
        file.write(tail)  # without the end of its line

    place = order.place("e", "x")

    counts = int(tail.endswith("]"))
    assert place == Place(1 + counts, 1 + counts) == Order(path).place("e", "x")
    assert order.place("f", "x") == Place(2 + counts, 2 + counts)


def test_a_file_that_was_put_back_is_read_anew(path: Path) -> None:
    order = Order(path)
    order.place("a", "x")
    older = path.read_bytes()
    order.place("b", "x")
    path.write_bytes(older)  # cut off

    assert order.place("c", "x") == Place(1, 1)

    path.unlink()

    assert order.place("c", "x") == Place(0, 0)

    replacement = path.with_name("restored")
    replacement.write_text('["p", "x"]\n["q", "x"]\n["c", "x"]\n')
    replacement.rename(path)

    assert order.place("c", "x") == Place(2, 2)
