"""Where a campaign stands, told line by line: in a terminal and on the page of all campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Final

from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.reports import StatusReport, TickReport

ENOUGH: Final = 20  # values from which on an examination has something to say: FEW of loop.examination.verdict
NAMED: Final = 5  # experiments that the laboratory has
WHERE: Final = {  # where experiments are, as far as the record knows
    "with the laboratory": ("submitted", "running"),
    "being sent, or were when a pass was killed (the next pass looks them up)": ("sending",),
    "in doubt, with the laboratory or not": ("ambiguous",),
}


def done_of(report: TickReport | StatusReport) -> str:
    """How many experiments are done, such as "5 of 40"; without the second where no number of them is the end."""
    return f"{report.experiments_done}" + ("" if report.budget is None else f" of {report.budget}")


def work_of(report: StatusReport) -> Iterator[str]:
    """What was done and spent, and what goes on."""
    faults = f", {plural(report.faults, 'fault')}" if report.faults else ""
    if report.source_of is not None:
        yield f"{plural(report.told, 'result')} of others{faults}; nothing is planned here"
        return
    told = f", {report.told} told" if report.told else ""
    is_one = (report.experiments_done if report.budget is None else report.budget) == 1
    yield f"round {report.round}; {done_of(report)} experiment{'' if is_one else 's'} done{faults}{told}"
    yield from report.products
    if report.spending:
        yield report.spending
    for state, n in report.pending.items():
        yield f"{n} {state}"
    for where, states in WHERE.items():
        labels = [one.label for one in report.at_work if one.state in states]
        more = len(labels) - NAMED
        rest = f"; and {more} more" if more > 0 else ""
        if labels:
            yield f"{where}: {'; '.join(labels[:NAMED])}{rest}"
    if n := report.unjudged:
        yield f"{plural(n, 'result')} received and not read yet: hakken tick {quote(report.campaign)} reads what came"
    for resource in report.resources:
        measurer = report.measured_by.get(resource.name)
        yield f"{resource.name}: {resource.text}" + (f", measured by {measurer}" if measurer else "")


def results_of(report: StatusReport) -> Iterator[str]:
    """What came out, and what is believed of it."""
    it = quote(report.campaign)
    if report.hits is not None:
        yield from report.hits.lines
    for best in report.best:
        yield f"best single value: {best.target} {best.text}: {best.label}"
    yield from report.left_out
    if report.nearest is not None:
        yield report.nearest.text
    if report.believed and report.state == "active":
        yield f"{report.believed} ({report.planned}; hakken best {it})"
    if report.regret and report.state == "active":
        yield f"{report.regret} ({report.planned})"
    if report.round > 1 and report.measured >= ENOUGH:
        yield f"hakken examine {it} says how far its models can be trusted"


def to_do_in(report: StatusReport) -> Iterator[str]:
    """What waits for a person."""
    for number in report.to_approve:
        yield f"round {number} waits for hakken approve {quote(report.campaign)} {number}"
    yield from report.held_up
    yield from report.overdue
    yield from report.failing
    yield from report.forbidden
    yield from report.left_pinned
    for key in report.to_resolve:
        yield f"nobody knows whether {key} ran: hakken resolve {key} --ran or --never-ran"
