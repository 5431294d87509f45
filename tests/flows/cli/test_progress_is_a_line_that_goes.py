"""The line of progress: written where somebody looks, and gone when the work is done."""

from __future__ import annotations

import sys

import pytest

from flows.cli import screen
from loop.progress import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: now[0])
    return now


def test_it_tells_each_kind_of_work_at_once_and_its_count_now_and_then(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with screen.progress_line() as told:
        for done in range(1, 1_201):
            told("rows", done)
        clock[0] += 2 * screen.AGAIN
        told("rows", 1_201)
        told("done", 0)

    said = capsys.readouterr()
    assert said.err == "\rrows: 1\rrows: 1,201\rdone       \r           \r"
    assert said.out == ""


def test_it_writes_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.progress_line() as told:
        told("rows", 1)

    assert capsys.readouterr().err == ""


def test_it_tells_how_far_a_computation_is_and_goes_when_that_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with screen.computing():
        for step in (0, 1, 50):
            progress("training networks", step / 200)
        progress("training networks", 1.0)
        at_the_end = capsys.readouterr().err
    progress("training networks", 0.5)  # nobody watches any more

    assert at_the_end == "\rtraining networks: 0 %\rtraining networks: 25 %\r                       \r"
    assert "training" not in capsys.readouterr().err
