"""The record, free disk, and whether laboratories can work."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from flows.cli.checks.check import Check
from flows.cli.naming import near
from loop.errors import AdapterError, HakkenError

if TYPE_CHECKING:
    from flows.settings import Settings

ENOUGH: Final = 1 << 30  # bytes: a campaign of some thousand calculations with their raw output


def disk(where: Settings) -> Check:
    """Free space where the project lies."""
    folder = next(path for path in (where.home, *where.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free at {near(folder)}"
    if free >= ENOUGH:
        return Check("project", "disk", "ok", found)
    return Check("project", "disk", "problem", found, "make room for 1 GiB, or set HAKKEN_HOME to another disk")


def record(where: Settings) -> Iterator[Check]:
    """The database: it opens, and nobody changed it."""
    from flows.wiring import open_record

    try:
        with open_record(where) as ledger:
            n = len(ledger.campaigns())
            audit = ledger.verify_audit()
    except (HakkenError, OSError) as error:
        yield Check("project", "record", "problem", str(error), "mend HAKKEN_DATABASE or HAKKEN_HOME, or their rights")
        return
    yield Check("project", "record", "ok", f"{ledger_name(where)}, {n} campaigns")
    if audit.is_intact:
        yield Check("project", "audit", "ok", f"{audit.entries} entries, unbroken")
    else:
        yield Check(
            "project", "audit", "problem", audit.message, "find out who wrote to the database; go back to a copy"
        )


def ledger_name(where: Settings) -> str:
    """The database for a person: a file as seen from here, a URL without what stands before the host."""
    if where.database.startswith("sqlite:///"):
        return near(where.database.removeprefix("sqlite:///"))
    scheme, _, rest = where.database.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def laboratories() -> Iterator[Check]:
    """Every adapter, as far as it can be tried without a campaign's settings."""
    from adapters.registry import build, describe
    from loop.contracts import AdapterContext

    for name, summary in describe():
        with tempfile.TemporaryDirectory() as folder:
            context = AdapterContext(folder=folder, base=folder, campaign="doctor", targets={})
            try:
                health = build(name, {}, context).health()
            except AdapterError:
                yield Check("laboratories", name, "ok", f"{summary}; set up in a campaign file")
            except ImportError as error:
                yield Check("laboratories", name, "note", str(error), f"pip install 'hakken[{name}]' to use it")
            else:
                if health.is_ok:
                    yield Check("laboratories", name, "ok", summary)
                else:
                    yield Check("laboratories", name, "note", "cannot work now", health.message)


def executors() -> Iterator[Check]:
    """Where calculations can run from this machine."""
    from adapters.executors.placing import executors, lacking

    for name, summary in executors():
        if (lack := lacking(name)) is None:
            yield Check("executors", name, "ok", summary)
        else:
            yield Check("executors", name, "note", "cannot be used from here", lack)


def campaigns(where: Settings) -> Iterator[Check]:
    """The laboratory of every campaign that goes on."""
    from flows.wiring import open_laboratory, open_record
    from loop.record import CampaignState
    from loop.spec import CampaignSpec

    try:
        with open_record(where) as ledger:
            active = [c for c in ledger.campaigns() if c.state is CampaignState.ACTIVE]
    except (HakkenError, OSError):
        return  # said by ``record``
    for campaign in active:
        try:
            health = open_laboratory(where, CampaignSpec.from_resolved(campaign.spec)).health()
        except (HakkenError, OSError) as error:
            yield Check("campaigns", campaign.name, "problem", "its laboratory cannot be set up", str(error))
            continue
        if health.is_ok:
            yield Check("campaigns", campaign.name, "ok", health.message)
        else:
            yield Check("campaigns", campaign.name, "problem", "its laboratory cannot work", health.message)
