"""Further: what an envelope says of an experiment that has its result: it completes, repeats or contradicts that."""

from __future__ import annotations

import shlex

from flows.engine.looking.view import View
from flows.engine.people.rows import NoResult, read_beside, read_told
from flows.engine.steps.completing import Standing, completed, is_said
from flows.engine.steps.judgement import Judgement, completing, joining
from flows.engine.steps.payloads import meant
from loop.circumstances import EFFECTS, PLACE, actual_of, is_as_planned, read_context
from loop.outcome import Fault, Outcome
from loop.record import Candidate, EnvelopeRecord, Json, Settings, Verdict
from loop.spec import declared_of


def further(
    view: View,
    envelope: EnvelopeRecord,
    known: Standing,
    outcome: Outcome,
    context: Json | None,
    what: str,
    candidate: Candidate | None = None,
) -> Judgement | str:
    """A further result of what is known, as ``what`` names it: it completes or repeats it, or how it differs."""
    whole = completed(known.outcome, outcome)
    if whole is None and meant(known.outcome) != meant(outcome) and not is_said(known.outcome, outcome):
        return "otherwise"
    if beside := _beside_otherwise(view, known.settings, known.context, context):
        return f"so, but with {beside}"
    if whole is None:
        return Judgement(envelope, Verdict.DUPLICATE, f"repeats {what}")
    return completing(envelope, known, whole, context, candidate)


def beside_alone(view: View, envelope: EnvelopeRecord, known: Standing) -> Judgement | None:
    """A row with the key of an experiment that has ended, and without a result: what it says beside it, such as a
    lot, joins the result. None of any other row."""
    if known.key is None or isinstance(known.outcome, Fault):
        return None
    try:
        read_told(envelope.payload, view.spec, view.space)
        return None
    except NoResult:
        said = read_beside(envelope.payload, view.spec, view.space)
    declared = declared_of(view.spec)
    new, mine = (read_context(c, declared)[0] for c in (said, known.context))
    named = [n for n in said if n in new and n in (*EFFECTS, *declared) and not (n in PLACE and n in mine)]
    if not named:
        return None
    if other := [f"{n} {mine[n]}" for n in named if n in mine and mine[n] != new[n]]:
        retract = f"hakken retract {shlex.quote(view.name)} {known.key} --why REASON"
        which = f"attempt {known.key} ({view.label(known.settings)})"
        message = (
            f"{which} is on record with {', '.join(other)}; to let this count, {retract} and tell the result again"
        )
        return Judgement(envelope, Verdict.CONTRADICTORY, message)
    if not (added := [n for n in named if n not in mine]):
        return Judgement(envelope, Verdict.DUPLICATE, f"repeats what is on record of attempt {known.key}")
    return joining(envelope, known, {n: said[n] for n in said if n in (*added, "comment")}, added)


def _beside_otherwise(view: View, settings: Settings, known: Json, context: Json | None) -> str:
    """What is on record beside a result of ``settings`` where a further envelope says something else; "" for none.

    Of what can be used only: what an envelope leaves out, or a comment, says nothing else.
    """
    declared = declared_of(view.spec)
    mine, _ = read_context(known, declared)
    new, _ = read_context(context or {}, declared)
    names = [name for name in new if name in (*EFFECTS, *declared) and new[name] != mine.get(name)]
    beside = [f"{name} {mine[name]}" if name in mine else f"no {name}" for name in names]
    used = {**settings, **actual_of(known)}
    really = [name for name, value in actual_of(context or {}).items() if not is_as_planned(value, used.get(name))]
    beside += [f"{name} {used[name]}" if name in used else f"no {name}" for name in really]
    return ", ".join(beside)
