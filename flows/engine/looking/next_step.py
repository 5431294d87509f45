"""The next step: one sentence with a command, for whoever looks at a campaign."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.engine.looking.doubts import doubts_of, told_of_folders
from flows.engine.looking.handouts import n_at_work, said_of, takes_in
from flows.engine.looking.held import Held
from flows.engine.looking.unplannable import no_plate, nothing_known
from flows.engine.looking.untried import left_for_now, nothing_left
from flows.engine.looking.view import View, rounds_of
from flows.engine.looking.whose import has_asked, has_only_asked
from flows.engine.sent import Sent, place_of
from flows.wiring import campaign_file, laboratory_folder, origin_of
from loop.experiment import State
from loop.record import AttemptRecord, CampaignState
from loop.safety import lifting, told
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings


def next_step(
    settings: Settings,
    view: View,
    *,
    by_person: Collection[str] = (),
    held: Held | None = None,
    lacks: str = "",
    is_exhausted: bool = False,
) -> tuple[str, bool]:
    """The sentence, and whether nothing moves until a person does something.

    ``by_person`` are keys of pending attempts whose results a person brings. ``held`` is a round for which all waits,
    ``lacks`` why the laboratory cannot be used from here, with the remedy. ``is_exhausted`` says that the planner was
    asked, and found nothing to propose.
    """
    if said := _of_state(settings, view):
        return said
    if view.undecided:
        return _approving(settings, view, by_person), True
    doubts = doubts_of(settings, view)
    in_doubt = " ".join((*told_of_folders(view.name, doubts), *_doubt(doubts.nowhere)))
    if in_doubt and all(a.state is State.AMBIGUOUS for a in view.pending):
        return in_doubt, doubts.is_left_to_others
    name, file = shlex.quote(view.name), campaign_file(settings, view.name)
    with_it = "with its file" if file is None else shlex.quote(str(file))
    if lacks and view.is_active:
        return f"The laboratory cannot be used from here: {lacks}; then go on with hakken run {with_it}.", True
    if held is not None:
        return (
            f"Round {held.number} waits for {held.waits_for}: {held.why}; then {held.then} and go on with "
            f"hakken run {with_it}.",
            True,
        )
    also = f" {in_doubt}" if in_doubt else ""
    if said_of_handouts := said_of(view, name):
        return said_of_handouts + also, True
    if going := [a for a in view.pending if a.state is not State.AMBIGUOUS]:
        return _of_going(settings, view, going, by_person, also)
    return _of_next_batch(view, with_it, is_exhausted=is_exhausted)


def _of_state(settings: Settings, view: View) -> tuple[str, bool] | None:
    """What is to be done of a campaign that is halted, has ended or only serves another; None of any other."""
    name, campaign = shlex.quote(view.name), view.campaign
    if view.stops:
        return (
            f"Halted by {told(view.name, view.stops)}. Nothing is proposed or sent until a person lifts "
            f"{'it' if len(view.stops) == 1 else 'each'}: {lifting(view.name, view.stops)}.{_still(view, name)}",
            True,
        )
    if campaign.state is CampaignState.FINISHED:
        page = settings.folder(view.name) / "report.html"  # drawn here, and not wherever else the campaign ran
        there = f", and read {page} (hakken report {name} writes it anew)"
        see = there if page.is_file() else f"; hakken report {name} draws its page"
        if gone := view.withdrawn_best:
            return (
                f"The campaign was finished ({campaign.reason}), and what is known of {gone} was retracted since: "
                f"hakken best {name} says what is believed now, and hakken resume {name} takes it up.",
                True,
            )
        return f"The campaign is finished: {campaign.reason}. See hakken best {name}{see}.", True
    if source := campaign.spec.get("source"):
        of = shlex.quote(source["of"])
        if view.ledger.campaign(source["of"]).spec.get("memory") == "off":
            return f"A source of {source['of']}, whose file has memory: off, so that it is not heard.", True
        return f"A source of {source['of']}: hakken run {of} listens to it while it helps; hakken show {of} says.", True
    if campaign.state is CampaignState.STOPPED:
        still = _still(view, name)
        return f"The campaign was stopped: {campaign.reason}.{still} Go on with hakken resume {name}.", not still
    return None


def _approving(settings: Settings, view: View, by_person: Collection[str]) -> str:
    """A round that waits for approval, and what a person may bring meanwhile."""
    name, numbers = shlex.quote(view.name), rounds_of(view.undecided)
    first = f"hakken approve {name} {numbers[0]}"
    look = f"Round {numbers[0]} waits for approval: look with hakken show {name} {numbers[0]}, then {first}."
    if not (out := _asked(view.pending, by_person)):
        return look
    is_one = len(out) == 1
    waits = "1 experiment waits for its result" if is_one else f"{len(out)} experiments wait for their results"
    then = f"then hakken run {name} takes {'it' if is_one else 'them'} in"
    return f"{look} Meanwhile {waits}: {_brings(settings, view, out)}, {then}."


def _of_going(
    settings: Settings, view: View, going: Sequence[AttemptRecord], by_person: Collection[str], also: str
) -> tuple[str, bool]:
    """Experiments that have not ended, those among them whose results a person brings, and what else is to be done."""
    name, asked = shlex.quote(view.name), _asked(going, by_person)
    if asked and len(asked) == len(going):
        one = "1 experiment waits for its result" if len(going) == 1 else ""
        said = one or f"{len(going)} experiments wait for their results"
        return f"{said}: {_brings(settings, view, asked)}, then hakken run {name}.{also}", True
    one = "1 experiment has not ended: {} goes on until it has." if len(going) == 1 else ""
    said = one or f"{len(going)} experiments have not ended: {{}} goes on until they have."
    if asked:
        waits = "1 of them waits for its result" if len(asked) == 1 else f"{len(asked)} wait for their results"
        also = f" Meanwhile {waits}: {_brings(settings, view, asked)}.{also}"
    return said.format(f"hakken run {name}") + also, False


def _of_next_batch(view: View, with_it: str, *, is_exhausted: bool) -> tuple[str, bool]:
    """The next batch of a campaign for which nothing runs or waits, or why there is none."""
    name = shlex.quote(view.name)
    if view.spent >= (most := view.spec.budget.most):
        return (
            f"The budget of {plural(most, 'experiment')} is spent: hakken run {name} brings the campaign to its end; "
            "a larger one in the campaign file lets it go on.",
            False,
        )
    if why := no_plate(view) or nothing_known(view):
        return f"{why[0].upper()}{why[1:]}; then go on with hakken run {with_it}.", True
    if why := left_for_now(view):
        if not is_exhausted and _may_repeat(view):
            return f"hakken run {name} plans replicates where they decide something; {why}.", False
        return f"{why[0].upper()}{why[1:]}; then go on with hakken run {with_it}, or end it: hakken stop {name}.", True
    if left := nothing_left(view):
        then = "plans replicates where they decide something, else " if _may_repeat(view) else ""
        return (
            f"Nothing is left: {left}. hakken run {name} {then}ends the campaign; a wider space lets it go on.",
            False,
        )
    if has_only_asked(view.campaign.spec):
        asks = f"it is planned when experiments are asked for (hakken serve, or hakken ask {name})"
        return f"The next batch is due: {asks}.", False
    return f"The next batch is due: hakken run {name} plans and runs it.", False


def _asked(attempts: Sequence[AttemptRecord], by_person: Collection[str]) -> list[AttemptRecord]:
    """Those whose results a person brings, and that are there."""
    return [a for a in attempts if a.key in by_person and a.state in (State.SUBMITTED, State.RUNNING)]


def _may_repeat(view: View) -> bool:
    """Whether candidates that were tried are measured again where that decides something."""
    return view.spec.planner.replicates == "planned"


def _doubt(ambiguous: Sequence[AttemptRecord]) -> Iterator[str]:
    """What a person is asked of attempts of which nobody can tell whether they ran, where there are any."""
    if not ambiguous:
        return
    key = ambiguous[0].key
    more = f" (and {len(ambiguous) - 1} more)" if len(ambiguous) > 1 else ""
    plate = " (with --plate, of all on its plate)" if ambiguous[0].place is not None and more else ""
    yield (
        f"Nobody can tell whether attempt {key}{more} ran: look at the laboratory, then say "
        f"hakken resolve {key} --ran or hakken resolve {key} --never-ran{plate}."
    )


def _still(view: View, name: str) -> str:
    """That experiments run all the same, and what takes their results in; "" where none does."""
    running, takes = n_at_work(view), takes_in(view, name)
    if running == 1:
        return f" 1 experiment still runs; {takes} takes its result in."
    return f" {running} experiments still run; {takes} takes their results in." if running else ""


def _brings(settings: Settings, view: View, asked: Sequence[AttemptRecord]) -> str:
    """What a person does who brings results: fills in worksheets, lets an instrument's files come, or has them asked
    for."""
    base, section = origin_of(settings, view.name), view.spec.laboratory
    folders = [str(base / Path(folder).expanduser()) for folder in _instruments(section.adapter, section.options)]
    sheets = " and ".join(_worksheets(settings, view, asked))
    ways = [f"fill in {sheets}"] if sheets else []
    if folders:
        ways.append(f"let the instrument's files come into {' and '.join(folders)}")
    if has_asked(view.campaign.spec):
        ways.append("have them asked for and their results told (hakken serve)")
    if not ways and asked and (place := _sent_elsewhere(settings, view, asked[0])):
        table = f"{shlex.quote(view.name)} results.csv"
        they_were = "they were" if len(asked) > 1 else "it was"
        ways = [
            f"fill in the worksheet where {they_were} sent from ({place}), and have hakken run go on there",
            f"have a table here to fill in (hakken export {table} --waiting) and tell it (hakken tell {table})",
        ]
    return ", or ".join(ways) or f"fill in {laboratory_folder(settings, view.name)}"


def _sent_elsewhere(settings: Settings, view: View, attempt: AttemptRecord) -> str:
    """From where an attempt was last sent, where that is not this folder; "" where it is, or nothing tells."""
    place = place_of(view.ledger.events(attempt.key)) or ""
    return place if place != Sent(settings.folder(view.name)).place else ""


def _instruments(adapter: str, options: Mapping[str, Any]) -> Iterator[str]:
    """The folders into which instruments write, of the laboratory, its parts and who measures for it."""
    if adapter == "instrument":
        yield str(options.get("folder", ""))
    parts = (options.get("laboratories") or {}).values()
    for section in filter(None, (*parts, options.get("measured_by"))):
        yield from _instruments(str(section.get("adapter", "")), section)


def _worksheets(settings: Settings, view: View, asked: Sequence[AttemptRecord]) -> list[str]:
    """The files to fill in: of those that the campaign file names or that lie in the laboratory's folder, each that has
    one of these attempts; the first where none has."""
    base, folder, section = origin_of(settings, view.name), laboratory_folder(settings, view.name), view.spec.laboratory
    named = [base / Path(sheet).expanduser() for sheet in _named_sheets(section.options)]
    mine = sorted(path for path in folder.glob("*.csv") if "-returned" not in path.name)
    parts = sorted(path for depth in ("*", "*/*") for path in folder.glob(f"{depth}/worksheet.csv"))
    sheets = list(dict.fromkeys([*named, *(mine or parts)]))
    return [str(sheet) for sheet in sheets if _has_any(sheet, asked)] or [str(sheet) for sheet in sheets[:1]]


def _has_any(sheet: Path, attempts: Sequence[AttemptRecord]) -> bool:
    """Whether a worksheet has a row of one of these attempts, as far as it can be read."""
    try:
        text = sheet.read_bytes()
    except OSError:
        return False
    return any(attempt.key.encode() in text for attempt in attempts)


def _named_sheets(options: Mapping[str, Any]) -> Iterator[str]:
    """The worksheets that a laboratory's section names, for itself, its parts and who measures for it."""
    if named := options.get("worksheet"):
        yield str(named)
    for section in filter(None, (*(options.get("laboratories") or {}).values(), options.get("measured_by"))):
        yield from _named_sheets(section)
