"""What is read of a worksheet's attempts grows as its rows do, and not as their square."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.common import folder, returned
from adapters.manual.laboratory import Manual
from adapters.manual.options import build
from loop.contracts import AttemptKey, Phase
from tests.adapters.helpers import EXPERIMENT, context
from tests.adapters.manual.sheets import fill, sheet_of


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of attempts that were opened."""
    found: list[Path] = []
    read = folder.read_json

    def counted(path: Path) -> object:
        found.append(path)
        return read(path)

    monkeypatch.setattr(folder, "read_json", counted)
    monkeypatch.setattr(returned, "read_json", counted)
    return found


def filled_in(root: Path, n: int) -> Manual:
    """A laboratory with ``n`` rows, all of them filled in."""
    manual = build({}, context(root))
    for key in (AttemptKey(f"attempt-{i}") for i in range(n)):
        manual.start(manual.prepare(EXPERIMENT, key), key)
    for i in range(n):
        fill(sheet_of(root), AttemptKey(f"attempt-{i}"), yield_=str(50 + i))
    return manual


def test_a_row_more_costs_what_the_others_did(tmp_path: Path, opened: list[Path]) -> None:
    each = {}
    for n in (5, 20):
        manual = filled_in(tmp_path / str(n), n)
        opened.clear()

        ended = [manual.status(manual.prepare(EXPERIMENT, AttemptKey(f"attempt-{i}"))).phase for i in range(n)]

        assert ended == [Phase.ENDED] * n
        each[n] = len(opened) / n
    assert each[20] == each[5]


def test_a_row_that_ended_leaves_the_form_and_one_that_waits_stays_there(tmp_path: Path) -> None:
    manual = filled_in(tmp_path, 3)
    keys = [AttemptKey(f"attempt-{i}") for i in range(3)]
    form = tmp_path / "lab" / "worksheet-form.html"

    manual.status(manual.prepare(EXPERIMENT, keys[0]))
    manual.cancel(manual.prepare(EXPERIMENT, late := AttemptKey("attempt-3")), "not needed")
    manual.start(manual.prepare(EXPERIMENT, keys[1]), keys[1])
    manual.status(manual.prepare(EXPERIMENT, keys[1]))

    assert [key in form.read_text() for key in (*keys, late)] == [False, False, True, False]


def test_a_row_that_is_put_on_asks_no_other_attempt_whether_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manual, asked = build({}, context(tmp_path)), list[str]()
    knows = folder.Jobs.knows
    monkeypatch.setattr(folder.Jobs, "knows", lambda self, handle: (asked.append(handle), knows(self, handle))[1])
    each = []
    for key in (AttemptKey(f"attempt-{i}") for i in range(6)):
        asked.clear()
        manual.start(manual.prepare(EXPERIMENT, key), key)
        each.append(len(asked))

    assert len(set(each)) == 1
