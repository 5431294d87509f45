"""The bench page: experiments taken and their results entered in a browser, by the same requests as programs make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows import engine
from flows.engine.clients.handing import Experiment, other_procedure
from flows.engine.looking.view import View
from flows.engine.looking.whose import has_asked, is_asked, pending_with
from flows.labels import label_of
from flows.report.structures import draw_all
from flows.templates import hash_of, templates_of
from flows.wiring import open_record
from loop.experiment import State
from loop.outcome import FaultKind
from loop.spec import CampaignSpec, words_of

if TYPE_CHECKING:
    from flows.engine.looking.reports import StatusReport
    from flows.settings import Settings

_HERE: Final = Path(__file__).parent
_TEMPLATES: Final = templates_of(_HERE)
OUTCOMES: Final = ("measured", "negative", *(f"fault: {kind.value}" for kind in FaultKind))


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be entered of a target: its unit, and the words that its values may be, none where it is a number."""

    name: str
    unit: str
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Row:
    """An experiment that somebody has."""

    experiment: Experiment
    label: str
    other_procedure: str  # that it has none, or another one, since the campaign file was changed


def bench_page(settings: Settings, name: str, *, may_write: bool) -> str:
    """The page of a campaign, whose experiments whoever may write can take and report.

    Raises:
        NotFound: There is no such campaign.
        AskError: Its laboratory is not asked for experiments.
    """
    status: StatusReport = engine.status(settings, name, str)[0]
    with open_record(settings) as ledger:
        raw, view = ledger.campaign(name).spec, View(ledger, name)
        mine = pending_with(view, is_asked)
    spec = CampaignSpec.from_record(raw)
    if not has_asked(raw):
        raise engine.AskError(
            f"campaign {name!r}: its laboratory {spec.laboratory.adapter!r} is sent its experiments; nobody takes them"
        )
    words: Mapping[str, Sequence[str]] = words_of(spec)
    out = [e for e in engine.experiments_of(settings, name, [State.RUNNING]) if e.request]
    symbols, structures = draw_all(smiles for e in out for smiles in e.smiles.values())
    script = (_HERE / "bench.js").read_text("utf-8")
    return _TEMPLATES.get_template("bench.html.jinja").render(
        campaign=name,
        status=status,
        waiting=sum(a.state in (State.SUBMITTED, State.READY) for a in mine),
        rows=[Row(e, label_of(raw, e.settings), other_procedure(view, e)) for e in out],
        targets=[Target(target, said.unit, words.get(target, ())) for target, said in spec.objective.items()],
        batch=spec.planner.batch if spec.plate is None else spec.plate.rows * spec.plate.columns,
        outcomes=OUTCOMES,
        may_write=may_write,
        symbols=symbols,
        structures=structures,
        style=(_HERE / "pages.css").read_text("utf-8"),
        script=script,
        script_hash=hash_of(script),
    )
