"""Further: what an envelope says of an experiment that has its result: it completes, repeats or contradicts that."""

from __future__ import annotations

import shlex

from flows.engine.looking.view import View
from flows.engine.looking.whose import BY_PERSON
from flows.engine.people.rows import NoResult, is_told, read_beside, read_told
from flows.engine.steps.completing import Standing, completed, is_said
from flows.engine.steps.judgement import Judgement, completing, joining
from flows.engine.steps.payloads import meant
from loop.circumstances import EFFECTS, PLACE, actual_of, is_as_planned, read_context
from loop.outcome import Fault, Outcome
from loop.record import Candidate, EnvelopeRecord, Json, Verdict
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
    is_repeat = meant(known.outcome) == meant(outcome)
    if whole is None and not is_repeat and not is_said(known.outcome, outcome):
        return "otherwise"
    others, added = _beside(view, known, context)
    if isinstance(known.outcome, Fault):
        others += [f"no {name}" for name in added]
    elif not is_repeat:  # what a further value was measured by says nothing of the others
        others += [f"no {name} (left out of it, this joins)" for name in added if name in ("day", "instrument")]
    if others:
        return f"so, but with {', '.join(others)}"
    if whole is not None:
        return completing(envelope, known, whole, context, added, candidate)
    is_by_person = is_told(envelope.source) or envelope.source in BY_PERSON
    if is_by_person and _is_commented(known, context or {}):
        added = [*added, "comment"]
    if added:
        return joining(envelope, known, context or {}, added, candidate)
    return Judgement(envelope, Verdict.DUPLICATE, f"repeats {what}")


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


def _is_commented(known: Standing, context: Json) -> bool:
    """Whether a comment stands beside a result that is not on record with it; a fault has its own words."""
    comment = str(context.get("comment") or "")
    is_known = comment in str(known.context.get("comment", "")) or comment == getattr(known.outcome, "reason", "")
    return not (is_known or isinstance(known.outcome, Fault))


def _beside(view: View, known: Standing, context: Json | None) -> tuple[list[str], list[str]]:
    """What is on record beside a result where a further envelope says something else, in words; and the names of what
    that says of which nothing is on record.

    Of what can be used only: what an envelope leaves out, or a comment, says nothing else.
    """
    declared = declared_of(view.spec)
    mine = {**known.context, **read_context(known.context, declared)[0]}  # what cannot be used of it, too
    new, _ = read_context(context or {}, declared)
    said = [name for name in new if name in (*EFFECTS, *declared)]
    others = [f"{name} {mine[name]}" for name in said if name in mine and new[name] != mine[name]]
    used = {**view.space.with_earlier(known.settings), **actual_of(known.context)}
    really = [name for name, value in actual_of(context or {}).items() if not is_as_planned(value, used.get(name))]
    others += [f"{name} {used[name]}" if name in used else f"no {name}" for name in really]
    return others, [name for name in said if name not in mine]
