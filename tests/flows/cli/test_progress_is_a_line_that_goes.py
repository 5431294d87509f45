"""The line of progress: written where somebody looks, and gone when the work is done."""

from __future__ import annotations

import sys

import pytest

from flows.cli import screen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    return now


def test_it_tells_each_kind_of_work_at_once_and_its_count_now_and_then(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with screen.progress_line() as progress:
        for done in range(1, 1_201):
            progress("rows", done)
        clock[0] += 2 * screen.AGAIN
        progress("rows", 1_201)
        progress("done", 0)

    said = capsys.readouterr()
    assert said.err == "\rrows: 1\rrows: 1,201\rdone       \r           \r"
    assert said.out == ""


def test_it_writes_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.progress_line() as progress:
        progress("rows", 1)

    assert capsys.readouterr().err == ""
