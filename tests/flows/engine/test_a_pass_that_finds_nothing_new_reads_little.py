"""While nothing is written to the record, what a pass knows of it stays; whoever writes, it is read anew."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from db.ledger import SqlLedger
from flows.engine import tell
from flows.engine.passes import one_pass, report_of, sitting
from flows.engine.people.deciding import ban
from flows.settings import Settings
from tests.flows.engine.bench import add

READS = ("attempts", "observations", "proposals", "decisions", "envelopes", "campaign")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the record was asked for what."""
    asked: Counter[str] = Counter()
    for name in READS:
        plain = getattr(SqlLedger, name)

        def counting(self, *args, name=name, plain=plain, **kwargs):
            asked[name] += 1
            return plain(self, *args, **kwargs)

        monkeypatch.setattr(SqlLedger, name, counting)
    return asked


def test_a_pass_asks_the_laboratory_and_not_the_record(settings: Settings, tmp_path: Path, read: Counter[str]) -> None:
    add(settings, tmp_path, laboratory={"adapter": "simulated", "delay": 3600.0})
    with sitting(settings, "small") as session:
        for _ in range(3):  # plans the first batch, sends it, and looks at what that came to
            one_pass(session)
        known = report_of(session)
        before = read.copy()

        for _ in range(3):
            one_pass(session)
            found = report_of(session)

        assert found == known
        assert found.pending
        assert read - before == Counter()


def test_what_another_process_writes_is_read(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    with sitting(settings, "small") as session:
        assert not session.view.observations
        view = session.refresh()
        assert not view.decisions

    made = ban(settings, "small", ["solvent=water"], by="ada", why="it smells")
    file = tmp_path / "told.csv"
    file.write_text("solvent,base,step,yield\nDMF,DBU,1,5\n", encoding="utf-8")
    tell(settings, "small", file, by="tester")

    with sitting(settings, "small") as session:
        session.view = view  # as of a process that slept meanwhile
        assert [d.id for d in session.refresh().decisions] == [made.id]
        assert len(session.view.observations) == 1
