"""What is believed over two parameters stands on the page as a field of colours, with what was tried there."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import pytest

from flows.engine.looking.insights import Insights
from flows.report import build
from flows.report.charts.surface import draw_surface, extent, is_open
from flows.report.page import render
from flows.report.svg import PALE, shade
from loop.insight.statements import OnSurface, Side, Surface
from loop.objective import Goal, Target

TARGET = Target("yield", Goal.MAXIMIZE, "%", low=0.0, high=100.0)
HEAT = Side("temperature", "degC", (60.0, 90.0, 120.0), 3, 1.0)
LIGAND = Side("ligand", "", ("XPhos", "tris(2-furyl)phosphine"), 2, 0.0)
FOUND = Surface(
    target="yield",
    unit="%",
    model="committee",
    across=HEAT,
    up=LIGAND,
    label="XPhos, temperature 90 degC, DMF",
    beside="DMF",
    means=((40.0, 80.0, None), (20.0, 30.0, 35.0)),
    lows=((30.0, 75.0, None), (-60.0, 20.0, 30.0)),
    highs=((50.0, 85.0, None), (95.0, 40.0, 40.0)),
    tried=(
        OnSurface(1.0, 0.0, "XPhos, temperature 90 degC, DMF", (81.0,), (), 0),
        OnSurface(2.0, 1.0, "tris(2-furyl)phosphine, temperature 120 degC, DMF", (), (), 2),
        OnSurface(0.0, 1.0, "tris(2-furyl)phosphine, temperature 60 degC, DMF", (), ("< 5",), 0),
    ),
    elsewhere=((0.5, 0.0),),
)


def cells(drawn: str) -> list[tuple[str, str]]:
    """What each coloured place says, and its colour."""
    return re.findall(r"<rect [^>]*fill=\"(#\w+)\"><title>(.*?)</title>", drawn, flags=re.DOTALL)


def test_each_candidate_has_its_colour_and_says_what_is_believed() -> None:
    drawn = draw_surface(FOUND, TARGET)
    told = {said.split("\n")[0]: (colour, said.split("\n")[1]) for colour, said in cells(drawn)}

    assert extent(FOUND) == (20.0, 80.0)
    assert len(told) == 5  # one is no candidate
    assert told["temperature 90\N{NO-BREAK SPACE}degC, ligand XPhos"] == (
        shade(80.0, 20.0, 80.0),
        "yield 80.0 [75.0 to 85.0]\N{NO-BREAK SPACE}%",
    )
    palest = "#{:02x}{:02x}{:02x}".format(*PALE)
    assert told["temperature 60\N{NO-BREAK SPACE}degC, ligand tris(2-furyl)phosphine"][0] == palest


def test_what_was_tried_has_marks_and_failures_are_crosses() -> None:
    drawn = draw_surface(FOUND, TARGET)

    assert [drawn.count(f'class="mark {style}"') for style in ("tried", "fault")] == [2, 1]
    assert "measured yield: 81\N{NO-BREAK SPACE}%" in drawn
    assert "measured yield: &lt; 5\N{NO-BREAK SPACE}%" in drawn
    assert "measured yield: no value\nfaults: 2" in drawn
    assert drawn.count('class="about"') == drawn.count('class="elsewhere"') == 1
    assert "tris(2-furyl)\N{HORIZONTAL ELLIPSIS}</text>" in drawn


def test_where_an_interval_is_wider_than_the_colours_span_it_is_hatched() -> None:
    assert is_open(FOUND, TARGET, 1, 0)
    assert not any(is_open(FOUND, TARGET, row, column) for row, column in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2)))
    assert 'class="open"' in draw_surface(FOUND, TARGET)
    sure = replace(FOUND, lows=FOUND.means, highs=FOUND.means)
    assert 'class="open"' not in draw_surface(sure, TARGET)


def test_on_a_logarithmic_scale_factors_are_what_colours_tell_apart() -> None:
    found = replace(FOUND, unit="", means=((1.0, 100.0, None), (10.0, 2.0, 5.0)))
    target = Target("E", Goal.MAXIMIZE, "", is_log=True)
    colours = {said.split("\n")[0]: colour for colour, said in cells(draw_surface(found, target))}

    assert colours["temperature 60\N{NO-BREAK SPACE}degC, ligand tris(2-furyl)phosphine"] == shade(1.0, 0.0, 2.0)


@pytest.mark.parametrize("n", [2, 13])
def test_values_of_numbers_do_not_run_into_each_other(n: int) -> None:
    side = Side("time", "s", tuple(1234.5 + i for i in range(n)), 0, 0.0)
    row = tuple(float(i) for i in range(n))
    field = tuple(row for _ in range(n))
    drawn = draw_surface(
        replace(FOUND, across=side, up=replace(side, parameter="a"), means=field, lows=field, highs=field, tried=()),
        TARGET,
    )
    ticks = re.findall(r'<text x="([\d.]+)"[^>]*middle" class="tick">([\d.]+)<', drawn)
    written = [(float(x), text) for x, text in ticks]

    assert all(b - a >= 7.2 * len(text) for (a, text), (b, _) in itertools.pairwise(written))
    assert len(written) >= 2


def test_the_page_says_what_the_colours_stand_for_and_what_is_hatched(long_story: Any) -> None:
    report = build(long_story.settle(), long_story.name, insights=Insights(surfaces=(FOUND,)))
    text, without = render(report), render(build(long_story.settle(), long_story.name))

    assert "yield / %, pale 20 to dark 80</h3>" in text
    assert "By committee, with DMF. Hatched: the 90 % interval is wider" in text
    assert "two of the parameters that the target most follows" in text
    assert text.count('href="#surfaces"') == text.count('id="surfaces"') == 1
    assert "surfaces" not in without.partition("<body")[2]
