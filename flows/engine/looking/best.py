"""The honest best of a campaign, from the record: what is believed best, and what was only lucky."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.engine.looking.kept import kept, learns_by_own
from flows.engine.looking.learning import learning_of, what_teaches
from flows.engine.looking.view import View
from flows.engine.people.decisions import decided_next
from flows.wiring import open_record
from loop.history import History
from loop.insight.statements import Believed, HonestBest, Likely, Luckiest, OnSubstrate, Stated
from loop.outcome import Fault
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.sources.hearing import Read
    from flows.settings import Settings
    from loop.memory.earlier import Earlier

SHOWN: Final = 3  # results that a note names
KEPT: Final = "believed.kept"  # in the campaign's folder: the last answer
STATEMENTS: Final = (HonestBest, Believed, Stated, OnSubstrate, Luckiest, Likely)  # that an answer is made of


def best(settings: Settings, name: str) -> HonestBest:
    """What the campaign believes to be best, from everything that counts.

    Raises:
        NotFound: There is no such campaign.
    """
    with open_record(settings) as ledger:
        return believed(View(ledger, name), settings.folder(name))


def believed(view: View, folder: Path) -> HonestBest:
    """The same, of a view at hand, whose campaign has its files in ``folder``.

    The same record gives the same answer, so the last one is kept there.
    """
    earlier, read, asked = what_teaches(view)
    own = learns_by_own(view.spec)
    found = kept(folder / KEPT, asked, STATEMENTS, lambda: _worked_out(view, earlier, read), by_own=own)
    return replace(found, likeliest=_marked(view, found.likeliest)) if found.likeliest else found


def _marked(view: View, likeliest: Sequence[Likely]) -> tuple[Likely, ...]:
    """What is at work and what a person keeps out is marked; the latter comes last."""
    at_work = [view.space.as_named(a.settings, a.smiles) for a in view.pending]
    is_out = decided_next(view).keeps_out(view.space, [one.settings for one in likeliest])
    told = [
        replace(one, is_at_work=one.settings in at_work, is_kept_out=out)
        for one, out in zip(likeliest, is_out, strict=True)
    ]
    return tuple(sorted(told, key=lambda one: one.is_kept_out))


def _worked_out(view: View, earlier: Sequence[Earlier], read: Read) -> HonestBest:
    from loop.insight.best import honest_best  # brings torch: seconds, only where it is asked for

    asked = learning_of(view, earlier, read)
    found = honest_best(asked.spec, asked.history, seed=asked.seed, earlier=asked.earlier, learning=asked)
    return replace(found, notes=(*_passed_over(view, asked.history), *found.notes))


def _passed_over(view: View, history: History) -> Iterator[str]:
    """A note on results of which the campaign file no longer has an option or a parameter."""
    used = {o.id for o in history.observations}
    ran = [o for o in view.counted if not isinstance(o.outcome, Fault) or o.outcome.outlives_its_candidate]
    left = [o for o in ran if o.id not in used]
    if left:
        some = "; ".join(dict.fromkeys(view.label(o.settings) for o in left[:SHOWN]))
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        are, their = ("is", "its") if len(left) == 1 else ("are", "their")
        yield (
            f"{len(left)} of {plural(len(ran), 'result')} {are} not used, as the campaign file does not have {their} "
            f"settings (any longer): {some}{more}. Put back what was taken out, and exclude it by a constraint"
        )
