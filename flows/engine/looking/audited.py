"""The audit log, gone through as often as it is worth: whole each time while that is quick, of a long one now and then.

To go through a record of a hundred thousand entries takes seconds, and each pass that moves draws a page that tells of
it. What was found last is kept in the project's folder and told with its time; docs/decisions/0136 has the reasons.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.common.durable import replace_bytes
from loop.contracts import AuditReport, Ledger

if TYPE_CHECKING:
    from flows.settings import Settings

SHARE: Final = 0.01  # of the time at most goes into going through a long log
QUICK: Final = 0.5  # seconds; a log that takes no longer is gone through each time


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found in the audit log, and when, where that is not now."""

    report: AuditReport
    at: datetime | None = None


def audited(
    settings: Settings,
    ledger: Ledger,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.perf_counter,
) -> Audited:
    """The log gone through now, or what was found before where it is long and that is not long ago.

    A log that did not hold, or that has fewer entries than before, is gone through each time.

    Args:
        settings: Where the project is; what is found is kept in ``audited.kept`` there.
        ledger: The record.
        now: Tells the time; for tests.
        clock: Tells seconds; for tests.
    """
    file, of = settings.home / "audited.kept", hashlib.sha256(settings.database.encode()).hexdigest()
    if (known := _kept(file, of, ledger, now())) is not None:
        return known
    began = clock()
    report = ledger.verify_audit()
    took = clock() - began
    with suppress(OSError):  # nothing may be written here: it is gone through each time
        if took > QUICK:
            said = {"record": of, "at": now().isoformat(), "took": took, "report": asdict(report)}
            replace_bytes(file, json.dumps(said).encode(), is_durable=False)
        else:
            file.unlink(missing_ok=True)
    return Audited(report)


def _kept(file: Path, record: str, ledger: Ledger, now: datetime) -> Audited | None:
    """What was found before, where it still stands for the log; None where that is to be gone through."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # not there, not whole, or not ours
        said: dict[str, Any] = json.loads(file.read_bytes())
        report, at = AuditReport(**said["report"]), datetime.fromisoformat(said["at"])
        age = (now - at).total_seconds()
        is_fresh = 0.0 <= age < float(said["took"]) / SHARE
        if said["record"] == record and report.is_intact and is_fresh and report.entries <= ledger.last_entry():
            return Audited(report, at)
    return None
