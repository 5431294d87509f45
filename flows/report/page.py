"""The page: a report drawn into one HTML file that asks the network for nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from shlex import quote
from typing import Any, Final

from markupsafe import Markup

from adapters.common.durable import replace
from flows.report import words
from flows.report.believed import believed_rows
from flows.report.by_design import effect_rows
from flows.report.calibration import TOO_FEW
from flows.report.charts.marks import MARKS, SERIES_SHAPES, arm_key, tip
from flows.report.charts.offsets import offsets, shown_offsets
from flows.report.charts.pareto import pareto
from flows.report.charts.parity import parity
from flows.report.charts.progress import has_limit, legend_keys, lines, progress
from flows.report.charts.series import series
from flows.report.charts.surface import draw_surface, extent, is_open
from flows.report.content import Committee, Kind, Report
from flows.report.explained import drawn
from flows.report.influence import rows_of
from flows.report.limits import limits, verdict, verdict_on_chances
from flows.report.pairs import contrast_rows
from flows.report.plates import DRAWN, scale_of
from flows.report.room import room_of
from flows.report.standing import SHOWN, WHOLE, score_of, scored
from flows.report.structures import draw_all
from flows.report.svg import SHAPES, element
from flows.report.trust import Calibration
from flows.templates import hash_of, templates_of
from loop.objective import SCORES, Target
from loop.record import without_head

_HERE: Final = Path(__file__).parent
_LONGEST_SPEC: Final = 200_000  # characters shown; a spec that carries a whole library would drown the page
_TEMPLATES: Final = templates_of(
    _HERE,
    number=words.number,
    plus_minus=words.plus_minus,
    predicted=words.predicted,
    after=words.after,
    limited=words.limited,
    moment=words.moment,
    candidate=words.candidate,
    one=words.one,
    percent=words.percent,
    count=words.count,
    arm=lambda arm: MARKS[arm_key(arm)][1],
    without_head=without_head,
    verdict=verdict,
    verdict_on_chances=verdict_on_chances,
    wanted=words.wanted,
    typed=quote,
)


def write(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the page to ``path``, whole or not at all: temporary name, fsync, rename.

    Raises:
        OSError: The folder cannot be written.
    """
    goal = Path(path)
    goal.parent.mkdir(parents=True, exist_ok=True)
    replace(goal, render(report))


def render(report: Report, edited: str = "") -> str:
    """The page as text; ``edited`` is a sentence where the campaign file says something else than the record by now."""
    style, script = ((_HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    best = report.standings[:SHOWN]
    chosen = report.batch.choices if report.batch is not None else ()
    symbols, structures = draw_all(
        (
            *(s for standing in best for s in standing.smiles.values()),
            *(s for c in chosen for s in c.structures.values()),
        )
    )
    spec = json.dumps(report.spec, indent=2, ensure_ascii=False, default=str)
    return _TEMPLATES.get_template("page.html.jinja").render(
        report=report,
        head=report.head,
        edited=edited,
        targets={target.name: target for target in _charted(report)},
        wanted_targets=report.objective.wanted,
        score=SCORES.get(report.objective.tradeoff, ""),
        style=Markup(style),
        script=Markup(script),
        script_hash=hash_of(script),
        progress=_progress(report),
        pareto=_pareto(report),
        has_stair=all(target.sign for target in report.objective.wanted),
        best=best,
        believed=believed_rows(report.believed),
        n_front=sum(standing.front == 1 for standing in report.standings),
        symbols=symbols,
        explained=drawn(report.insights.explained),
        rests=rows_of(report.insights.rests),
        surfaces=_surfaces(report),
        contrasts=contrast_rows(report.insights.contrasts),
        by_design=effect_rows(report.insights.by_design),
        examined=tuple(report.insights.examined.values()),
        room=room_of(report.insights.window),
        structures=structures,
        parity=[_parity(report, calibration) for calibration in report.calibration],
        has_cheaper=any(calibration.cheaper for calibration in report.calibration),
        committees=[_committee(report, committee) for committee in report.committee],
        members=_members(report),
        failures=[r for r in report.results if r.retracted is None and r.kind is not Kind.MEASURED],
        retracted=[r for r in report.results if r.retracted is not None],
        noted=[line for line in report.rounds if line.notes],
        limits=limits(report),
        spec=spec[:_LONGEST_SPEC],
        spec_left_out=max(0, len(spec) - _LONGEST_SPEC),
        plates=_plates(report),
        measured_plates=_measured(report),
        plates_left_out=max(0, len(report.plates) - DRAWN),
        shifts=[
            {
                "shift": s,
                "wide": offsets(s, 900),
                "narrow": offsets(s, 380),
                "left_out": len(s.offsets) - len(shown_offsets(s)),
            }
            for s in report.shifts
        ],
        too_few=TOO_FEW,
        whole=WHOLE,
    )


def _plates(report: Report) -> list[dict[str, Any]]:
    """The plate of the last batch, coloured by each parameter that differs from well to well."""
    if report.batch is None or report.batch.plate is None:
        return []
    from flows.plates.drawing import draw_plate, keys_of  # they draw with what this package offers
    from flows.plates.page import coloured_by

    plate = report.batch.plate
    return [
        {"name": n, "chart": draw_plate(plate, n), "legend": keys_of(plate, n).values(), "is_option": n in plate.stock}
        for n in coloured_by(plate)
    ]


def _measured(report: Report) -> list[dict[str, Any]]:
    """The last plates that have results, by target: one drawing for each."""
    from flows.plates.drawing import draw_values

    drawn = []
    for target in report.targets:
        low, high = scale_of(report.plates, target, report.spec)
        charts = []
        for p in report.plates[-DRAWN:]:
            values = {well: (w.value, w.text, w.why) for well, w in p.wells[target.name].items()}
            charts.append((p.plate.number, draw_values(p.plate, target.name, values, (low, high))))
        if charts:
            drawn.append({"target": target, "charts": charts, "low": low, "high": high})
    return drawn


def _charted(report: Report) -> tuple[Target, ...]:
    """What is followed from experiment to experiment: the score of a trade-off first, then each target."""
    return tuple(filter(None, (score_of(report.objective), *report.targets)))


def _progress(report: Report) -> list[dict[str, Any]]:
    """Of each chart two drawings: text that reads at 1,000 pixels does not at 400."""
    results, targets = scored(report.results, report.objective), report.targets
    tips = [tip(result, targets) for result in results]
    return [
        {
            "target": target,
            "wide": progress(results, tips, target, targets, 900, 380),
            "narrow": progress(results, tips, target, targets, 380, 330),
            "legend": [_legend(key, *MARKS[key]) for key in legend_keys(results, target)],
            "has_limits": any(has_limit(result, target) for result in results),
            "lines": lines(results, target),
            "has_best": any(best.target == target.name for best in report.best),
        }
        for target in _charted(report)
    ]


def _pareto(report: Report) -> Markup | None:
    wanted = report.objective.wanted
    if len(wanted) != 2 or not any(all(t.name in s.values for t in wanted) for s in report.standings):
        return None
    return pareto(report.standings, *wanted, 440, 380, is_front=not report.objective.is_scalar)


def _surfaces(report: Report) -> list[dict[str, Any]]:
    """Each with its drawing, what its palest and darkest colours stand for, and whether any place is hatched."""
    targets = {target.name: target for target in report.targets}
    return [
        {
            "surface": one,
            "target": targets[one.target],
            "chart": draw_surface(one, targets[one.target]),
            "extent": extent(one),
            "is_open": any(
                is_open(one, targets[one.target], row, column)
                for row in range(len(one.up.values))
                for column in range(len(one.across.values))
            ),
        }
        for one in report.insights.surfaces
    ]


def _parity(report: Report, calibration: Calibration) -> dict[str, Any]:
    target = next(t for t in report.targets if t.name == calibration.target)
    arms = list(dict.fromkeys(arm_key(check.arm) for check in calibration.checks))
    return {
        "target": target,
        "unit": target.on_scale.unit,
        "calibration": calibration,
        "chart": parity(calibration.checks, target, 420, 420) if calibration.checks else None,
        "legend": [_legend(key, *MARKS[key]) for key in arms],
    }


def _committee(report: Report, committee: Committee) -> dict[str, Any]:
    target = next(t for t in report.targets if t.name == committee.target).on_scale
    rounds = [line.number for line in committee.rounds]
    weights = {member: [line.weights.get(member) for line in committee.rounds] for member in committee.members}
    apart = {
        "disagreement of the members": [line.disagreement for line in committee.rounds],
        "deviation stated by the committee": [line.stated_sd for line in committee.rounds],
    }
    has_weights = any(value is not None for line in weights.values() for value in line)
    return {
        "target": target,
        "committee": committee,
        "weights": series(rounds, weights, f"weights of the members, {target.name}", "", 440, 300)
        if has_weights
        else None,
        "weights_legend": [_series_legend(place, name) for place, name in enumerate(weights)],
        "apart": series(rounds, apart, f"disagreement in {target.name}", target.unit, 440, 300)
        if committee.members
        else None,
        "apart_legend": [_series_legend(place, name) for place, name in enumerate(apart)],
    }


def _members(report: Report) -> list[str]:
    """Everybody who predicted in the last batch, the whole first."""
    if report.batch is None:
        return []
    names = dict.fromkeys(p.member for choice in report.batch.choices for p in choice.predictions)
    return sorted(names, key=lambda name: name != WHOLE)


def _legend(key: str, shape: str, text: str) -> Markup:
    sign = element("g", element("path", d=SHAPES[shape]), class_=f"mark {key}")
    return _entry(sign, text)


def _series_legend(place: int, text: str) -> Markup:
    shape = SERIES_SHAPES[place % len(SERIES_SHAPES)]
    sign = element("g", element("path", d=SHAPES[shape]), class_=f"mark series s{place % 6}")
    return _entry(sign, text)


def _entry(sign: Markup, text: str) -> Markup:
    picture = element("svg", sign, viewBox="-8 -8 16 16", width=16, height=16, aria_hidden="true")
    return element("li", picture, " ", text)
