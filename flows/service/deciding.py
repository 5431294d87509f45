"""Deciding over HTTP: batches approved or refused, campaigns stopped and taken up, benches halted; and its page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException

from flows import engine
from flows.engine.looking.forbidden import outside_since
from flows.engine.people.halting import NOTHING_HALTED
from flows.labels import label_of
from flows.schedules import wake
from flows.service.access import Caller
from flows.service.fields import as_requests
from flows.service.gate import caller_of
from flows.shown.plain import plain
from flows.shown.words import known_line, predictions_line, reason_line
from flows.templates import hash_of, templates_of
from flows.wiring import open_record
from loop.decision import MOST_TIMES
from loop.errors import LedgerError

if TYPE_CHECKING:
    from flows.engine.looking.reports import StatusReport
    from flows.settings import Settings
    from loop.record import ProposalRecord
    from loop.safety import SafetyStop

_HERE: Final = Path(__file__).parent
_SAID_OF: Final = {
    "where": ("pin", "ban"),
    "number": ("lift",),
    "again": ("pin",),
    "times": ("pin",),
    "for_now": ("ban",),
}
_TEMPLATES: Final = templates_of(_HERE)


class _Said(BaseModel):
    """What a person says with a decision."""

    model_config = ConfigDict(extra="forbid", strict=True)

    why: str = Field(default="", description="The reason, which stays on record.")


class Verdict(_Said):
    """What is decided of a batch that waits."""

    verdict: Literal["approve", "refuse"]
    only: list[int] = Field(default=[], description="Numbers of its proposals; all that wait when left out.")
    meaning: Literal["cannot", "preference", "again"] | None = Field(
        default=None,
        description="Of a refusal: it cannot be made, which teaches the models; a preference; or it may come again.",
    )


class Halt(_Said):
    """Why a bench is halted for safety."""

    why: str = Field(min_length=1)


class Resume(_Said):
    """What is taken up: the campaign, or else the safety stops that are named, which are lifted."""

    stops: list[int] = Field(
        default=[], description="Numbers of the safety stops that are lifted, and no other; GET .../decisions has them."
    )


class Rule(_Said):
    """A candidate that is to run next, candidates that are kept out, or a decision that is to count no more."""

    kind: Literal["pin", "ban", "lift"]
    where: list[str] = Field(default=[], description="As of hakken pin and ban: ligand=XPhos, temperature>100, ...")
    number: int | None = Field(default=None, description="Of the decision that is lifted.")
    again: bool = Field(default=False, description="Of a pin: it was measured, and is to be once more.")
    times: int = Field(default=1, ge=1, le=MOST_TIMES, description="Of a pin: by so many experiments.")
    for_now: bool = Field(default=False, description="Of a ban: what was measured of them counts on as the best.")

    @model_validator(mode="after")
    def _of_its_kind(self) -> Rule:
        for name, field in type(self).model_fields.items():
            kinds = _SAID_OF.get(name, (self.kind,))
            if self.kind not in kinds and getattr(self, name) != field.default:
                raise ValueError(f"{name} is said of a {' or a '.join(kinds)}, and this is a {self.kind}; leave it out")
        return self


def add_decisions(app: FastAPI, settings: Settings) -> None:
    """What people decide. Whoever may tell results may halt a bench; for all else a token must let its owner decide."""

    @app.post("/api/campaigns/{name}/rounds/{number}/verdict", summary="Approve or refuse a batch that waits.")
    def verdict(name: str, number: int, said: Verdict, request: Request) -> dict[str, Any]:
        is_refused = said.verdict == "refuse"
        n = engine.approve(
            settings,
            name,
            number,
            by=_decider(request).name,
            why=said.why,
            refuse=is_refused,
            only=said.only,
            meaning=said.meaning,
        )
        notes = [] if is_refused else [as_requests(note) for note in engine.on_approve(settings, name, number)]
        (now,) = engine.status(settings, name)
        said_now = {"to_approve": now.to_approve, "notes": notes, **_next(now)}
        return {"campaign": name, "round": number, "proposals": n, **said_now}

    @app.get("/api/campaigns/{name}/rounds/{number}", summary="A batch, why each was chosen, and what came of it.")
    def round_(name: str, number: int) -> Any:
        from flows.shown.rounds import document

        with open_record(settings) as ledger:
            return plain(document(ledger, name, number))

    @app.get("/api/campaigns/{name}/decisions", summary="What people decided, and what of it is in force.")
    def decisions(name: str) -> Any:
        made = engine.decisions(settings, name)
        listed = [{"decision": d, "in_force": now, "about": about} for d, now, about in made]
        return plain({"campaign": name, "decisions": listed, "stops": engine.stops(settings, name)})

    @app.post("/api/campaigns/{name}/decisions", summary="Pin a candidate, ban some, or lift a decision.")
    def decide(name: str, rule: Rule, request: Request) -> Any:
        by = _decider(request).name
        if rule.kind == "lift":
            if rule.number is None:
                raise HTTPException(422, "number: which decision is lifted; GET .../decisions lists them")
            made = engine.lift(settings, name, rule.number, by=by, why=rule.why)
            notes = engine.on_lift(settings, name, made)
        elif rule.kind == "pin":
            made = engine.pin(settings, name, rule.where, by=by, why=rule.why, again=rule.again, times=rule.times)
            notes = engine.on_pin(settings, name, made)
        else:
            made = engine.ban(settings, name, rule.where, by=by, why=rule.why, for_now=rule.for_now)
            notes = engine.on_ban(settings, name, made)
        return plain({"campaign": name, "decision": made, "notes": [as_requests(note) for note in notes]})

    @app.post("/api/campaigns/{name}/stop", summary="Plan and send nothing more; what runs goes on.")
    def stop(name: str, said: _Said, request: Request) -> dict[str, Any]:
        engine.stop(settings, name, by=_decider(request).name, why=said.why or "stopped by a person")
        return _now(settings, name)

    @app.post("/api/campaigns/{name}/resume", summary="Take up a stopped campaign, or lift safety stops by number.")
    def resume(name: str, said: Resume, request: Request) -> dict[str, Any]:
        by = _decider(request).name
        lifted: tuple[SafetyStop, ...] = ()
        if said.stops:
            lifted = engine.lift_halt(settings, name, said.stops, by=by, why=said.why)
        else:
            engine.resume(settings, name, by=by, why=said.why or "resumed by a person")
        return {
            **_now(settings, name),
            "lifted": plain(lifted),
            "notes": [as_requests(note) for note in wake(settings, name)],
        }

    @app.post("/api/campaigns/{name}/halt", summary="For safety: at once, with every campaign of its bench.")
    def halt(name: str, said: Halt, request: Request) -> dict[str, Any]:
        try:
            made, names, notes = engine.halt(settings, name, by=caller_of(request).name, why=said.why)
        except LedgerError as error:
            if not str(error).startswith(NOTHING_HALTED):
                raise
            why = "the stop could not be put on record; hakken doctor, where this is served, says why"  # and not where
            raise HTTPException(503, f"{NOTHING_HALTED}: {why}") from error
        stopped = {"stop": made, "halted": names, "notes": notes}
        return {**_now(settings, name), **plain(stopped)}

    @app.get("/campaigns/{name}/decide", include_in_schema=False, response_class=HTMLResponse)
    def page(name: str, request: Request) -> str:
        return _page(settings, name, caller_of(request))


@dataclass(frozen=True, slots=True)
class _Choice:
    """A proposal that waits for a person."""

    number: int
    round: int
    label: str
    known: str
    reason: str
    predicted: tuple[str, ...]
    outside: str  # why the campaign file has it no more, so that it is not sent


def _page(settings: Settings, name: str, caller: Caller) -> str:
    """What waits for a person in a campaign, and what was decided."""
    (status,) = engine.status(settings, name, str)
    with open_record(settings) as ledger:
        view = engine.View(ledger, name)
        spec, waiting = view.campaign.spec, view.undecided
        outside = outside_since(view, waiting)
    script = (_HERE / "decide.js").read_text("utf-8")
    return _TEMPLATES.get_template("decide.html.jinja").render(
        campaign=name,
        status=status,
        caller=caller,
        choices=[
            _choice(p, spec, outside.get(p.id, ""))
            for p in sorted(waiting, key=lambda p: (p.round_number, p.draft.run_order))
        ],
        made=engine.decisions(settings, name),
        stops=engine.stops(settings, name),
        style=(_HERE / "pages.css").read_text("utf-8"),
        script=script,
        script_hash=hash_of(script),
    )


def _choice(p: ProposalRecord, spec: Any, outside: str) -> _Choice:
    draft = p.draft
    well = "" if draft.place is None else f"{draft.place.well}: "
    return _Choice(
        draft.run_order + 1,
        p.round_number,
        well + label_of(spec, draft.candidate.settings),
        known_line(draft.candidate, spec),
        reason_line(draft.arm, draft.reason),
        tuple(predictions_line(draft.predictions, spec)),
        outside,
    )


def _now(settings: Settings, name: str) -> dict[str, Any]:
    (now,) = engine.status(settings, name)
    return {"campaign": name, "state": now.state, "reason": now.reason, **_next(now)}


def _next(now: StatusReport) -> dict[str, str]:
    return {"next": as_requests(now.next_step)}


def _decider(request: Request) -> Caller:
    caller = caller_of(request)
    if not caller.may_decide:
        raise HTTPException(
            403, f"{caller.name} may not decide; 'may: decide' beside the token lets whoever has it do so"
        )
    return caller
