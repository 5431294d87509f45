"""The section on effects: what each plate, day or instrument adds, with its interval."""

from __future__ import annotations

import math
import re

import pytest
import torch

from flows.report import build
from flows.report.charts.offsets import SHOWN, shown_offsets
from flows.report.charts.panel import LONGEST
from flows.report.page import render
from loop.space import Discrete, Space
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

LABELS = {"P10": [4.0, 1.0], "P2": [-3.0, 0.5], "P1": [0.5, 2.0]}


def with_effects(story, summary):
    story.spec["noise"] = {"effects": ["plate"]}
    story.plan()
    story._draft["model"] = {"targets": {"yield": summary}}
    return story


def test_it_shows_offsets_with_intervals_in_the_order_in_which_a_person_counts(story):
    report = build(with_effects(story, {"effects": {"plate": {"sd": 3.2, "labels": LABELS}}}).settle(), story.name)
    (shift,) = report.shifts
    page = render(report)

    assert [o.label for o in shift.offsets] == ["P1", "P2", "P10"]
    assert (shift.offsets[1].low, shift.offsets[1].high) == pytest.approx((-3.822, -2.178), abs=1e-3)
    assert (shift.round_number, shift.member, shift.unit) == (1, "", "%")
    assert "a standard deviation of 3.2" in page
    assert page.count('class="chart offsets"') == 2  # wide and narrow
    assert 'href="#effects"' in page


def test_of_a_committee_the_likeliest_member_that_knows_effects_speaks(story):
    gp, other = ({"weight": w, "effects": {"plate": {"sd": s, "labels": LABELS}}} for w, s in ((0.3, 1.0), (0.2, 2.0)))
    members = {"trees": {"weight": 0.5}, "gp": gp, "tanimoto": other}
    (shift,) = build(with_effects(story, {"members": members}).settle(), story.name).shifts

    assert (shift.member, shift.sd) == ("gp", 1.0)


def test_networks_of_an_ensemble_are_no_members_of_a_committee(story):
    report = build(with_effects(story, {"members": 5, "device": "cpu"}).settle(), story.name)

    assert report.shifts == ()


def test_what_a_real_model_says_is_what_is_shown(story):
    space = Space((Discrete("temperature", tuple(range(0, 101, 10)), "degC"),))
    temperature = torch.arange(0, 101, 10, dtype=torch.float64).repeat(2)
    values = 0.5 * temperature + torch.tensor([0.0] * 11 + [20.0] * 11, dtype=torch.float64)
    plates = ("P1",) * 11 + ("P2",) * 11
    data = TrainingSet(temperature[:, None], values, torch.full_like(values, math.nan), effects={"plate": plates})
    summary = surrogate("gp", space).fit(space, data, seed=0).summary()
    (shift,) = build(with_effects(story, dict(summary)).settle(), story.name).shifts
    first, second = shift.offsets

    assert second.mean - first.mean == pytest.approx(20, abs=2)
    assert first.low < first.mean < first.high


def test_it_says_where_labels_cannot_be_told_apart(story):
    labels = {"Ada": [0.0, 1.2], "Bo": [0.1, 1.2]}
    page = render(
        build(with_effects(story, {"effects": {"plate": {"sd": 0.0, "labels": labels}}}).settle(), story.name)
    )

    assert "The results cannot tell these apart: likeliest is that plate adds nothing" in page
    assert "a standard deviation of 0" not in page


def test_what_changed_together_is_not_called_idle(story):
    story = with_effects(story, {"effects": {"plate": {"sd": 0.0, "labels": LABELS}}})
    story._draft["model"]["entangled"] = {"yield": {"plate": ["plate and day changed together in every result"]}}
    page = render(build(story.settle(), story.name))

    assert "plate and day changed together in every result" in page
    assert "likeliest is that plate adds nothing" not in page


def test_of_many_labels_the_largest_are_drawn_and_a_long_one_is_cut(story):
    many = {f"day {i:02} of a long campaign": [float(i - 20), 1.0] for i in range(40)}
    report = build(with_effects(story, {"effects": {"plate": {"sd": 1.0, "labels": many}}}).settle(), story.name)
    page = render(report)

    assert len(shown_offsets(report.shifts[0])) == SHOWN
    assert f"Drawn are the {SHOWN} largest of 40." in page
    drawn = re.findall(r'text-anchor="end" class="tick">([^<]*)<', page)
    assert max(len(text) for text in drawn if text.startswith("day")) == LONGEST


def test_nothing_learnt_yet_is_said_and_without_effects_there_is_no_section(story):
    none = render(build(story.settle(), story.name))
    story.spec["noise"] = {"effects": ["day", "instrument"]}
    some = render(build(story.settle(), story.name))

    assert 'id="effects"' not in none
    assert 'href="#effects"' not in none
    assert "No round tells yet what day and instrument add: each that a model plans" in some
