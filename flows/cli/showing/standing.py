"""The best candidates of a campaign, from the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from flows.candidates import MOLECULES
from flows.cli.screen import Screen
from flows.remarks import label_of_result
from loop.fidelity import counts
from loop.objective import SCORES
from loop.record import ObservationRecord
from loop.values import Sure, sign_of_score, sure_of
from loop.wording import in_full, plural

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.objective import Objective, Target
    from loop.record import Json

STRUCTURED: Final = frozenset({"component", "mixture"})  # kinds that have SMILES besides
Valued: TypeAlias = tuple[ObservationRecord, Sure]
_Row: TypeAlias = tuple[object, str, str | None, object]  # value, candidate, SMILES where there is one, and round


def show_best(screen: Screen, where: Settings, campaign: str, n: int) -> None:
    """A table of the ``n`` best results by a trade-off's score and for each wanted target, of those that keep every
    threshold.

    Where none keeps them, what comes nearest.
    """
    from flows.engine.looking.standing import best_left_out
    from flows.engine.looking.view import View
    from flows.report.results import read_objective
    from flows.wiring import open_record

    with open_record(where) as ledger:
        view = View(ledger, campaign)
        spec, observations, nearest = view.campaign.spec, view.worked_out, view.nearest
        left_out = best_left_out(view)
    if nearest is not None:
        screen.say(nearest.text)
        return
    objective = read_objective(spec)
    every = [(o, sure_of(o.outcome, objective)) for o in observations if counts(spec, o.settings)]
    keeping = [(o, sure) for o, sure in every if objective.keeps(_numbers(sure))]
    if objective.has_classes:
        hits = [(o, sure) for o, sure in every if objective.is_hit(_numbers(sure))]
        rows = _best(spec, hits, objective.wanted[0])
        if rows:
            columns, shown = _with_structures("", rows[::-1][:n])
            screen.table(columns[1:], [row[1:] for row in shown], title=f"the last of {plural(len(rows), 'hit')}")
        return
    within = " within the thresholds" if len(keeping) < len(every) else ""
    if (score := SCORES.get(objective.tradeoff)) and len(objective.wanted) > 1:
        _show_scores(screen, spec, objective, keeping, n, f"highest {score}{within}")
    for t in objective.wanted:
        unit = f" [{t.unit}]" if t.unit else ""
        nearest_to = f"{t.name} nearest to {t.value:g}" if t.value is not None else ""
        title = nearest_to or f"{'highest' if t.sign > 0 else 'lowest'} {t.name}"
        title += within
        rows = _best(spec, keeping, t)
        if rows:
            columns, shown = _with_structures(f"{t.name}{unit}", rows[:n])
            screen.table(columns, shown, title=title)
    for line in left_out:
        screen.say(line)


def _with_structures(value: str, rows: Sequence[_Row]) -> tuple[tuple[str, ...], Sequence[tuple[object, ...]]]:
    """Columns and cells of some rows, with structures where there are any; ``value`` heads the first column."""
    if any(smiles for _, _, smiles, _ in rows):
        return (value, "candidate", "SMILES", "round"), rows
    return (value, "candidate", "round"), [(value, label, n) for value, label, _, n in rows]


def _show_scores(screen: Screen, spec: Json, objective: Objective, rows: Sequence[Valued], n: int, title: str) -> None:
    """The ``n`` best by a trade-off, of those that have every wanted target, with what was measured of each."""
    wanted = objective.wanted
    whole = [(o, sure) for o, sure in rows if all(t.name in sure for t in wanted)]
    best = sorted(whole, key=lambda row: -objective.score(_numbers(row[1])))[:n]
    if not best:
        return
    names = [f"{t.name} [{t.unit}]" if t.unit else t.name for t in wanted]
    screen.table(
        (SCORES[objective.tradeoff], *names, "candidate", "round"),
        [
            (
                _score_shown(objective, sure),
                *(_shown(t, *sure[t.name]) for t in wanted),
                label_of_result(spec, o),
                o.round_number or "told",
            )
            for o, sure in best
        ],
        title=title,
    )


def _score_shown(objective: Objective, sure: Sure) -> str:
    sign = sign_of_score(objective, {name: sign for name, (_, sign) in sure.items()})
    shown = f"{objective.score(_numbers(sure)):.3g}"
    return shown if sign == "=" else f"{sign} {shown}"


def _shown(target: Target, value: float, sign: str) -> str:
    if sign == "=":
        return target.shown(value) or in_full(value, target.unit)
    return f"{sign} {target.shown(value) or in_full(value, target.unit, 5)}"


def _numbers(sure: Sure) -> dict[str, float]:
    return {name: value for name, (value, _) in sure.items()}


def _best(spec: Json, rows: Sequence[Valued], target: Target) -> list[_Row]:
    """What is shown of each row, best first."""
    having = [(o, *sure[target.name]) for o, sure in rows if target.name in sure]
    kinds = {name: said["type"] for name, said in spec["space"].items()}
    structured = [name for name, kind in kinds.items() if kind in MOLECULES] or [
        name for name, kind in kinds.items() if kind in STRUCTURED
    ]
    molecule = structured[0] if len(structured) == 1 else ""  # of several none is the candidate's own structure
    having.sort(key=lambda row: -target.worth(row[1]))
    return [
        (
            _shown(target, value, sign),
            label_of_result(spec, o),
            o.smiles.get(molecule),
            o.round_number or "told",
        )
        for o, value, sign in having
    ]
