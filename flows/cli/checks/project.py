"""The record, free disk, and whether laboratories can work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flows.cli.checks.active import active_campaigns
from flows.cli.checks.check import Check, failed
from flows.cli.checks.disk import free_space
from flows.cli.naming import near
from loop.errors import HakkenError, OlderRecord
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings


def disk(where: Settings) -> Check:
    """Free space where the project lies."""
    return free_space(where.home)


def record(where: Settings) -> Iterator[Check]:
    """The database: it opens, and nobody changed it."""
    from flows.wiring import has_record, open_record, what_is_only_read, where_recorded, why_no_folder

    if problem := why_no_folder(where):
        yield Check("project", "record", "problem", *problem.split("; ", 1))
        return
    ledger_name = near(where_recorded(where))
    try:
        if not has_record(where):
            yield Check("project", "record", "ok", f"none at {ledger_name} yet", "hakken run FILE makes it")
            return
        with open_record(where) as ledger:
            n = len(ledger.campaigns())
            audit, only_read = ledger.verify_audit(), ledger.why_only_read()
    except (HakkenError, OSError) as error:
        yield Check("project", "record", "problem", str(error), "mend HAKKEN_DATABASE or HAKKEN_HOME, or their rights")
        return
    found = f"{ledger_name}, {plural(n, 'campaign')}"
    if unwritable := what_is_only_read(where):
        only_read = f"{near(unwritable)} is read-only here"
    if only_read:
        yield Check("project", "record", "note", f"{found}; {only_read}", "what only looks works")
    else:
        yield Check("project", "record", "ok", found)
    if audit.is_intact:
        yield Check("project", "audit", "ok", f"{plural(audit.entries, 'entry', 'entries')}, unbroken")
    else:
        yield Check(
            "project", "audit", "problem", audit.message, "find out who wrote to the database; go back to a copy"
        )


def older_copies(where: Settings) -> Iterator[Check]:
    """Campaigns of which the record lacks what their folders know, as an older copy of it does."""
    from flows.engine.last_round import check_last
    from flows.wiring import open_record

    try:
        with open_record(where) as ledger:
            for campaign in ledger.campaigns():
                try:
                    check_last(where, campaign.name, ledger)
                except OlderRecord as error:
                    yield Check("campaigns", campaign.name, "problem", "the record lacks what was sent", str(error))
    except (HakkenError, OSError):
        return  # said by ``record``


def lost_campaigns(where: Settings) -> Iterator[Check]:
    """Campaigns of which something was sent from here, and of which the record knows nothing."""
    from flows.engine.last_round import without_record
    from flows.wiring import names_on_record

    try:
        names = names_on_record(where)
    except (HakkenError, OSError):
        return  # said by ``record``
    for name in without_record(where, names):
        yield Check(
            "campaigns",
            name,
            "note" if names else "problem",
            f"{near(where.folder(name))} has what was sent of it, and the record has no such campaign",
            "restore a backup of the record, or name the one that has it in HAKKEN_DATABASE; else remove that folder",
        )


def has_campaigns(where: Settings) -> bool:
    """Whether anything is on record yet."""
    from flows.wiring import names_on_record

    return bool(names_on_record(where))


def laboratories() -> Iterator[Check]:
    """Every adapter, as far as it can be tried without a campaign's settings, and every executor."""
    from adapters.catalogue import catalogue

    for entry in catalogue():
        area = "laboratories" if entry.kind == "adapter" else "executors"
        if entry.lacking is None:
            yield Check(area, entry.name, "ok", entry.summary)
        else:
            yield Check(area, entry.name, "note", "cannot be used from here", entry.lacking)


def campaigns(where: Settings) -> Iterator[Check]:
    """The resources and rounds of every campaign that goes on, as ``hakken lab check`` sees them."""
    from flows.cli.checks.resources import held_checks, resource_checks
    from flows.engine.looking.resources import laboratory_of
    from loop.spec import CampaignSpec

    for campaign in active_campaigns(where):
        try:
            laboratory = laboratory_of(where, CampaignSpec.from_record(campaign.spec))
            found = list(resource_checks(laboratory))
            held = list(held_checks(where, laboratory))
        except (HakkenError, OSError) as error:
            yield Check("campaigns", campaign.name, "problem", "its laboratory cannot be set up", str(error))
            continue
        except Exception as error:  # of code of one's own: an adapter beside the campaign file
            yield failed("campaigns", campaign.name, error)
            continue
        for c in held:
            yield Check("campaigns", f"{campaign.name}, {c.area}", c.verdict, f"{c.subject}: {c.found}", c.remedy)
        for resource in laboratory.resources:
            of = f"{campaign.name}, {resource}"
            problems = [c for c in found if c.area in (resource, "folder") and c.verdict == "problem"]
            yield from (Check("campaigns", of, "problem", f"{c.subject}: {c.found}", c.remedy) for c in problems)
            if not problems:
                yield Check("campaigns", of, "ok", next(c.found for c in found if c.area == resource))


def unsent_experiments(where: Settings) -> Iterator[Check]:
    """Experiments that the last pass of a campaign could not send."""
    from flows.engine import View
    from flows.engine.looking.unsent import unsent
    from flows.wiring import open_record

    try:
        with open_record(where) as ledger:
            for campaign in ledger.campaigns():
                for line in unsent(where, View(ledger, campaign.name)):
                    yield Check("campaigns", campaign.name, "note", line)
    except (HakkenError, OSError):
        return  # said by ``record``


def schedules_at_rest(where: Settings) -> Iterator[Check]:
    """Why no pass comes of a campaign that is deployed on Prefect and goes on."""
    from flows.asleep import asleep

    for campaign in active_campaigns(where):
        for line in asleep(where, campaign.name):
            yield Check("campaigns", campaign.name, "note", line)


def overdue_results(where: Settings) -> Iterator[Check]:
    """Experiments that a laboratory has had for longer than the campaign file says."""
    from datetime import UTC, datetime

    from flows.engine import View
    from flows.engine.looking.overdue import overdue
    from flows.wiring import open_record

    try:
        with open_record(where) as ledger:
            for campaign in ledger.campaigns():
                for line in overdue(View(ledger, campaign.name), datetime.now(UTC)):
                    yield Check("overdue", campaign.name, "note", line, "bring its result, or look after the device")
    except (HakkenError, OSError):
        return  # said by ``record``
