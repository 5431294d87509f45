"""A play shown: what each step of a batch would be for the laboratories that a campaign file declares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.catalogue import DELIVERIES
from flows.cli.naming import begins, typed
from flows.cli.screen import Screen
from flows.shown.words import outcome_line
from loop.outcome import write_outcome

if TYPE_CHECKING:
    from flows.engine.looking.simulating import Play, Step

_HEADS: Final = {
    "proposed": "propose",
    "approved": "approve",
    "sent": "send",
    "refused": "REFUSED",
    "held": "HELD",
    "waits": "wait",
    "result": "result",
    "note": "note",
}


def show_play(screen: Screen, spec: Path, play: Play) -> bool:
    """The resources, the steps, and what comes next; whether nothing would be held back."""
    screen.document(
        {
            **play.as_json(),
            "steps": [
                {
                    "what": s.what,
                    "text": s.text,
                    "resource": s.resource,
                    "detail": s.detail,
                    "outcome": None if s.outcome is None else json.loads(json.dumps(write_outcome(s.outcome))),
                }
                for s in play.steps
            ],
        }
    )
    screen.say(f"{play.campaign}: played on paper; every result is made up, nothing is sent or recorded", bold=True)
    for name, can in play.resources.items():
        many = "any number" if can.max_parallel is None else can.max_parallel
        who = ", results by a person" if can.needs_person else ""
        screen.say(f"  {name}: {many} at once{who}; {DELIVERIES[can.delivery]}")
    for number, step in enumerate(play.steps, 1):
        screen.say(f"{number:>4}  {_HEADS[step.what]:<8} {_line(step, play)}")
    refused = sum(s.what == "refused" for s in play.steps)
    if refused:
        before, them = ("it is sent", "it") if refused == 1 else ("they are sent", "them")
        screen.say(f"{refused} would be refused before {before}: take {them} out of the space, or mend the laboratory")
    if any(s.what == "held" for s in play.steps):
        screen.say("the batch would be held back, and no experiment spent on it, until the file says otherwise")
        screen.next_step(f"do what is said, then hakken lab simulate {typed(spec)} again")
        return False
    screen.next_step(f"hakken lab check {typed(spec)} asks the laboratories; {begins(spec, is_asked=play.is_asked)}")
    return True


def _line(step: Step, play: Play) -> str:
    """A step in one line."""
    match step.what:
        case "sent":
            return f"{step.text} -> {step.resource}, {step.detail}; its intent is on record first"
        case "result":
            assert step.outcome is not None
            return f"{step.text} <- {step.resource}: {outcome_line(step.outcome, {'objective': play.objective})}"
        case _:
            return f"{step.text}: {step.detail}" if step.detail else step.text
