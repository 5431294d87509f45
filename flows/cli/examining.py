"""``examine``: how far a campaign's models can be trusted, and what would help."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen
from loop.wording import plural

if TYPE_CHECKING:
    from loop.examination import Examination
    from loop.examination.signs import Signs
    from loop.examination.skill import Skill

_SIGNS: Final = {"good": "+", "warning": "!", "bad": "!!"}


def examine(campaign: Campaign, as_json: Json = False) -> None:
    """Examine the results of a campaign: what its models predict of candidates, scaffolds, options and times that they
    did not see, beside the nearest neighbour and the mean; what leaks; what refits part by; and what would help.

    Nothing is recorded or sent. Models are fitted some fifteen to thirty times: seconds, or minutes with many results.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    is_watched = sys.stderr.isatty() and not as_json
    found = engine.examine(where, campaign, tell=lambda what: typer.echo(what, err=True) if is_watched else None)
    screen.document({"campaign": campaign, "targets": found})
    if as_json:
        return
    for one in found.values():
        _show(screen, one)
    screen.next_step(f"hakken report {typed(campaign)} draws what was predicted beside what came out")


def _show(screen: Screen, one: Examination) -> None:
    from flows.engine.looking.examining import unheard_said

    signs, unit = one.signs, f" {one.unit}" if one.unit else ""
    alone = f" by {signs.version} alone (cheaper versions train)" if signs.version else ""
    screen.say(
        f"{one.target}: {_counted(signs)}{alone}"
        + (f", standard deviation {signs.spread:.4g}{unit}" if signs.n > 1 else ""),
        bold=True,
    )
    if one.skills:
        members = sorted({name for s in one.skills for name in s.members})
        screen.table(
            ["held out", "values", "model", "nearest", "mean", *members, *_last(one)],
            [
                [
                    s.split.value, s.tested, s.model, s.nearest, s.mean, *(s.members.get(m) for m in members),
                    *_last_of(s),
                ]
                for s in one.skills
            ],
            title=f"root mean square errors{unit and f' in{unit}'}, and "
            + ("how hits are told" if any(s.ranking for s in one.skills) else "what intervals hold"),
        )  # fmt: skip
    if one.leaks:
        _show_leaks(screen, one)
    if one.stresses:
        screen.table(
            ["model", "held out", "spread at home", "spread there", "error there"],
            [[s.model, s.split.value, s.home, s.away, s.error_away] for s in one.stresses],
            title=f"refits that differ only in their seed{unit and f', in{unit}'}",
        )
    for finding in one.findings:
        screen.say(f"{_SIGNS[finding.standing.value]:>2} {finding.says}", bold=finding.standing.value == "bad")
        if finding.remedy:
            screen.say(f"     what helps: {finding.remedy}")
    if said := unheard_said(one):
        screen.say(f"note: {said}")


def _counted(signs: Signs) -> str:
    """How many values there are, and how many limits beside them."""
    values = f"{plural(signs.n, 'value')} of {plural(signs.candidates, 'candidate')}"
    if not signs.limits:
        return values
    limits = plural(signs.limits, "limit")
    return f"{values} and {limits}" if signs.n else f"{limits} and no value"


def _show_leaks(screen: Screen, one: Examination) -> None:
    """What training knows of what is held out, split by split."""
    has_scaffolds = any(k.shared_scaffold is not None for k in one.leaks)
    screen.table(
        ["held out", "nearest at", "known", "with the same value", *(["scaffold known"] if has_scaffolds else [])],
        [
            [
                k.split.value, k.distance, f"{k.same:.0%}", f"{k.same_value:.0%}" if k.same else None,
                *([None if k.shared_scaffold is None else f"{k.shared_scaffold:.0%}"] if has_scaffolds else []),
            ]
            for k in one.leaks
        ],
        title="what training knows of what is held out (any two are 1.4 apart on average)",
    )  # fmt: skip


def _last(one: Examination) -> list[str]:
    """Columns on what intervals hold; of classes, on how hits are told."""
    if any(s.ranking for s in one.skills):
        return ["area", "of nearest hit", "BEDROC", "enrichment", "expected", "hits"]
    return ["80 %", "95 %"]


def _last_of(s: Skill) -> list[object]:
    if (r := s.ranking) is not None:
        near = None if s.nearest_area is None else f"{s.nearest_area:.2f}"
        return [f"{r.area:.2f}", near, f"{r.bedroc:.2f}", f"{r.enrichment:.1f}", f"{r.expected:.1f}", r.found]
    return [f"{s.coverage[0]:.0%}", f"{s.coverage[1]:.0%}"]
