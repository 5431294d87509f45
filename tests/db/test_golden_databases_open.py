"""The database of every release opens, verifies and says what it said, whatever the schema is by now."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from db import open_ledger
from loop.experiment import State
from loop.outcome import Fault, Measured, Negative
from loop.record import EnvelopeDraft, Verdict
from loop.testing.ledger import batch, measured

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.sqlite"))


def test_there_is_one_for_the_first_release() -> None:
    assert GOLDEN[0].stem == "0.1.0"


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_database_is_read_and_written(golden: Path, tmp_path: Path) -> None:
    shutil.copy(golden, tmp_path / "ledger.sqlite")

    with open_ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.verify_audit().is_intact
        told, first, negative, fault = ledger.observations("coupling", with_retracted=True)
        assert (told.retracted, told.settings, told.context) == (
            "wrong vial",
            {"molecule": "mol-7"},
            {"instrument": "HPLC-2"},
        )
        assert first.outcome == measured(61.0, sd=1.5, canonical_sd=1.5, n=3)
        assert [type(o.outcome) for o in (told, first, negative, fault)] == [Measured, Measured, Negative, Fault]
        assert [e.verdict for e in ledger.envelopes("coupling")] == [Verdict.ACCEPTED] * 4
        assert [a.state for a in ledger.attempts("coupling")] == [State.ENDED] * 3 + [State.SUBMITTED, State.READY]
        kept = ledger.round("coupling", 1)
        assert (kept.seed, kept.observations, kept.model) == (2**40 + 1, (told.id,), batch().model)
        assert ledger.round("coupling", 2).pending == (ledger.attempts("coupling")[3].key,)

        lease = ledger.acquire("coupling", "engine-2", timedelta(hours=1))
        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", ledger.attempts("coupling")[3].key, "{}")).id, measured())
        assert ledger.verify_audit().is_intact
