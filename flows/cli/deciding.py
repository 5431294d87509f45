"""``approve``, ``edit``, ``pin``, ``ban``, ``lift``, ``decisions`` and ``resolve``: what only a person can decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.naming import Campaign, onward, settings, typed
from flows.cli.screen import Json, Screen
from flows.labels import label_of
from loop.decision import MOST_TIMES
from loop.errors import LedgerError
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings

By = Annotated[str | None, typer.Option("--by", help="Who decides; HAKKEN_USER or the login name if left out.")]
Why = Annotated[str, typer.Option("--why", help="The reason, kept on record; wanted where a refusal has a meaning.")]
Reason = Annotated[str, typer.Option("--why", help="The reason, kept on record; it has to be given.")]
Where = Annotated[
    list[str],
    typer.Option(
        "--where", help="Such as ligand=XPhos, 'ligand!=XPhos', 'temperature>100', time=10..20 or 'molecule~SMARTS'."
    ),
]
Round = Annotated[int | None, typer.Argument(metavar="ROUND", min=1, help="Number of a round that waits.")]


def approve(
    campaign: Campaign,
    round_number: Round = None,
    only: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", min=1, help="Of its proposals; all if left out.")
    ] = None,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it instead.")] = False,
    meaning: Annotated[
        str | None,
        typer.Option("--meaning", help="Of a refusal: cannot (it cannot be made), preference, or again (it may come)."),
    ] = None,
    why: Why = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Approve (or refuse) a batch that waits for a person. hakken show says what is in it, and why.

    A refusal that means "cannot" teaches the planner: the candidate and its likes are taken for less likely to work.
    """
    from flows import engine
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    who = by or where.by
    if round_number is None:
        raise _without_round(where, campaign, "approve")
    n = engine.approve(where, campaign, round_number, by=who, why=why, refuse=refuse, only=only or (), meaning=meaning)
    document = {"campaign": campaign, "round": round_number, "approved": not refuse, "by": who, "why": why}
    notes = () if refuse else engine.on_approve(where, campaign, round_number)
    screen.document({**document, "proposals": n, "meaning": meaning, "notes": list(notes)})
    what = f"round {round_number} of {campaign} is" if not only else f"{plural(n, 'proposal')} of round {round_number}:"
    screen.say(f"{what} {'refused' if refuse else 'approved'} by {who}")
    _say(screen, notes)
    (now,) = engine.status(where, campaign)
    if round_number in now.to_approve:
        screen.next_step(f"hakken approve {typed(campaign)} {round_number} decides on the rest")
    else:
        with open_record(where) as ledger:
            is_any = any(p.approved for p in ledger.proposals(campaign, round_number))
        these = "in which these may be again" if meaning == "again" else "without these"
        does = "goes on with what is approved" if is_any else f"plans another batch, {these}"
        screen.next_step(onward(where, campaign, does))


def edit(
    campaign: Campaign,
    round_number: Round = None,
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", min=1, help="Of the proposal, as show gives it.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Such as temperature=90; several times for several.")
    ] = None,
    why: Reason = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Change a proposal that waits for a person; the changed one runs in its place."""
    from flows import engine
    from flows.engine.looking.whose import has_only_asked
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    who = by or where.by
    if round_number is None:
        raise _without_round(where, campaign, "edit")
    if number is None:
        it = f"hakken show {typed(campaign)} {round_number}"
        raise LedgerError(f"the number of the proposal of round {round_number} is missing; {it} numbers them")
    if not change:
        raise LedgerError("what is to be changed is missing; say it with --set, such as --set temperature=90")
    made = engine.edit(where, campaign, round_number, number, change, by=who, why=why)
    notes = engine.on_edit(where, campaign, made)
    document = {"campaign": campaign, "round": round_number, "proposal": made, "by": who, "why": why}
    screen.document({**document, "notes": list(notes)})
    with open_record(where) as ledger:
        spec = ledger.campaign(campaign).spec
    if not as_json:
        screen.say(f"proposal {number} of round {round_number} is now {label_of(spec, made.draft.candidate.settings)}")
    _say(screen, notes)
    it = typed(campaign)
    (now,) = engine.status(where, campaign)
    rest = f"hakken approve {it} {round_number} decides on the rest; " if round_number in now.to_approve else ""
    screen.next_step(rest + onward(where, campaign, "hands it out" if has_only_asked(spec) else "sends it"))


def pin(
    campaign: Campaign,
    where_: Where,
    why: Reason = "",
    again: Annotated[bool, typer.Option("--again", help="Although it was measured before.")] = False,
    times: Annotated[int, typer.Option("--times", min=1, max=MOST_TIMES, help="By so many experiments.")] = 1,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Have a candidate run in the next batch: every parameter given with --where."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    made = engine.pin(where, campaign, where_, by=by or where.by, why=why, again=again, times=times)
    notes = engine.on_pin(where, campaign, made)
    screen.document({"campaign": campaign, "decision": made, "notes": list(notes)})
    often = "" if times == 1 else f"{times} times "
    screen.say(f"decision {made.number}: pinned by {made.draft.by}, to be run {often}in the next batch")
    _say(screen, notes)
    takes_back = f"hakken lift {typed(campaign)} {made.number} takes it back"
    screen.next_step(f"{onward(where, campaign, 'runs it')}; {takes_back}")


def ban(
    campaign: Campaign,
    where_: Where,
    why: Reason = "",
    for_now: Annotated[
        bool, typer.Option("--for-now", help="Until it is lifted; what was measured of them counts on as the best.")
    ] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Keep candidates out from the next batch on: all for which every --where holds."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    made = engine.ban(where, campaign, where_, by=by or where.by, why=why, for_now=for_now)
    notes = engine.on_ban(where, campaign, made)
    screen.document({"campaign": campaign, "decision": made, "notes": list(notes)})
    what = "that candidate" if made.draft.settings else "whatever meets it"
    until = ", until it is lifted" if for_now else ""
    screen.say(f"decision {made.number}: banned by {made.draft.by}; {what} is left out from the next batch on{until}")
    _say(screen, notes)
    it = typed(campaign)
    screen.next_step(f"hakken lift {it} {made.number} takes it back; hakken decisions {it} lists all")


def lift(
    campaign: Campaign,
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="Of the decision.")],
    why: Reason = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Let a pin, a ban or a refusal's meaning count no more, from the next batch on."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    made = engine.lift(where, campaign, number, by=by or where.by, why=why)
    notes = engine.on_lift(where, campaign, made)
    screen.document({"campaign": campaign, "decision": made, "notes": list(notes)})
    screen.say(f"decision {number} is lifted by {made.draft.by} (decision {made.number})")
    _say(screen, notes)
    screen.next_step(onward(where, campaign, "goes on"))


def decisions(campaign: Campaign, as_json: Json = False) -> None:
    """What people decided of a campaign, what of it is in force, and its safety stops."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    made, stops = engine.decisions(where, campaign), engine.stops(where, campaign)
    listed = [{"decision": d, "in_force": now, "about": a} for d, now, a in made]
    screen.document({"campaign": campaign, "decisions": listed, "stops": stops})
    if not made:
        screen.say(f"nobody decided anything of {campaign} yet, besides approvals")
    rows = [
        (
            d.number,
            d.draft.kind.value,
            about,
            d.draft.by,
            d.draft.why,
            f"round {d.after_round + 1}",
            "yes" if now else "no",
        )
        for d, now, about in made
    ]
    if rows:
        screen.table(("", "kind", "about", "by", "why", "counts from", "in force"), rows)
    for stop in stops:
        lifted = f"lifted by {stop.lifted_by}: {stop.lifted_why}" if not stop.is_in_force else "in force"
        when = "" if stop.lifted_at is None else f" ({stop.lifted_at:%Y-%m-%d %H:%M} UTC)"
        screen.say(f"safety stop {stop.number}: {stop.text}; {lifted}{when}")
    it = typed(campaign)
    screen.next_step(f"hakken ban, pin or lift {it} decides more; hakken show {it} has the last batch")


def resolve(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The attempt's key, or a beginning of it.")],
    ran: Annotated[
        bool, typer.Option("--ran/--never-ran", help="If it ran, tell its result, or let it end as a fault.")
    ],
    plate: Annotated[bool, typer.Option("--plate", help="Say it of every doubtful experiment on its plate.")] = False,
    why: Why = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say whether an experiment ran of which the laboratory cannot tell (state ambiguous).

    Is its result at hand? Then hakken tell brings it in, with the attempt's key in a column of that name.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    who = by or where.by
    engine.resolve(where, key, ran=ran, by=who, why=why, whole_plate=plate)
    screen.document({"key": key, "ran": ran, "plate": plate, "by": who, "why": why})
    became = "ran: it ends as a fault that says nothing about its candidate" if ran else "never ran: it is sent again"
    screen.say(f"attempt {key}{' and the others on its plate' if plate else ''} {became}")
    screen.next_step("hakken status shows which campaigns wait; hakken run CAMPAIGN goes on")


def _without_round(where: Settings, campaign: str, command: str) -> LedgerError:
    """That a command was given no round, with those of the campaign that wait for a person."""
    from flows import engine

    (now,) = engine.status(where, campaign)
    if not now.to_approve:
        return LedgerError(f"the round is missing, and none of {campaign} waits for approval")
    numbers = ", ".join(map(str, now.to_approve))
    wait = (
        f"round {numbers} of {campaign} waits" if len(now.to_approve) == 1 else f"rounds {numbers} of {campaign} wait"
    )
    rest = "" if command == "approve" else " NUMBER --set NAME=VALUE"
    return LedgerError(
        f"the round is missing; {wait} for approval: hakken {command} {typed(campaign)} {now.to_approve[0]}{rest}"
    )


def _say(screen: Screen, notes: Iterable[str]) -> None:
    for note in notes:
        screen.say(f"  note: {note}")
