"""The running best and the ranking of candidates."""

import re

import pytest

from flows.report import build
from flows.report.page import render
from flows.report.standing import running_best
from loop.errors import ObjectiveError
from loop.outcome import Measured, Measurement, Negative, Qualifier
from loop.record import Arm
from tests.flows.report.conftest import measured

HERE = {"ligand": "XPhos", "base": "KOAc"}


def run(story, values, qualifier="="):
    """A round with one experiment for each value."""
    story.plan()
    observations = []
    for place, value in enumerate(values):
        proposal = story.propose({**HERE, "temperature": 90.0 + place})
        observations.append(story.end(proposal, story.measured(qualifier=qualifier, **{"yield": value})))
    return observations


def steps(story):
    report = build(story.settle(), story.name)
    return [(b.result.experiment, b.reading.value) for b in running_best(report.results, report.targets[0])]


def test_it_rises_when_maximising(story):
    run(story, [20.0, 10.0, 30.0, 30.0, 25.0, 31.0])

    assert steps(story) == [(1, 20.0), (3, 30.0), (6, 31.0)]


def test_it_falls_when_minimising(story):
    story.spec["objective"]["yield"]["goal"] = "minimize"
    run(story, [20.0, 10.0, 30.0, 5.0])

    assert steps(story) == [(1, 20.0), (2, 10.0), (4, 5.0)]
    assert build(story.settle(), story.name).best[0].reading.value == 5.0


def test_a_retracted_value_is_shown_and_does_not_count(story):
    observations = run(story, [20.0, 90.0, 30.0])
    story.retract(observations[1], "wrong vial")

    assert steps(story) == [(1, 20.0), (3, 30.0)]
    assert [r.retracted for r in build(story.settle(), story.name).results] == [None, "wrong vial", None]


@pytest.mark.parametrize(
    ("goal", "qualifier", "counted"),
    [
        ("maximize", ">", True),
        ("maximize", "<", False),
        ("minimize", "<", True),
        ("minimize", ">", False),
    ],
)
def test_a_limit_counts_only_on_the_good_side(story, goal, qualifier, counted):
    story.spec["objective"]["yield"]["goal"] = goal
    run(story, [50.0], qualifier)

    assert bool(build(story.settle(), story.name).best) is counted


def test_a_negative_with_a_limit_is_no_value(story):
    story.plan()
    limit = Measurement("yield", 1.0, "%", 1.0, qualifier=Qualifier.BELOW)
    story.end(story.propose({**HERE, "temperature": 90.0}), Negative("no conversion", (limit,)))

    report = build(story.settle(), story.name)

    assert report.best == ()
    assert report.results[0].readings["yield"].value == 1.0


def test_several_channels_of_one_property_are_averaged(story):
    story.plan()
    outcome = Measured(
        (Measurement("yield", 40.0, "%", 40.0, channel="UV"), Measurement("yield", 44.0, "%", 44.0, channel="MS"))
    )
    story.end(story.propose({**HERE, "temperature": 90.0}), outcome)

    assert build(story.settle(), story.name).best[0].reading.value == 42.0


def test_what_breaks_a_threshold_is_never_best_and_where_everything_does_the_nearest_is_named(story):
    story.spec["objective"]["yield"]["at_most"] = 80.0
    run(story, [70.0, 95.0])

    report = build(story.settle(), story.name)

    assert report.best[0].reading.value == 70.0
    assert [s.values["yield"] for s in report.standings] == [70.0, 95.0]
    assert [s.is_useful for s in report.standings] == [True, False]

    story.spec["objective"]["yield"]["at_most"] = 10.0

    report = build(story.settle(), story.name)

    assert report.best == ()
    assert report.nearest[0].values == {"yield": 70.0}
    assert report.nearest[1] == "yield 70 %, and at most 10 % is wanted"
    page = render(report)
    assert "nothing yet keeps the thresholds" in page
    assert "no value in % yet" not in page


def test_a_limit_that_misses_a_threshold_may_be_what_comes_nearest(story):
    story.spec["objective"]["yield"]["at_least"] = 80.0
    story.plan()
    for temperature, value in ((90.0, 5.0), (105.0, 40.0)):
        limit = Measurement("yield", value, "%", value, qualifier=Qualifier.BELOW)
        story.end(story.propose({**HERE, "temperature": temperature}), Measured((limit,)))

    report = build(story.settle(), story.name)

    assert report.standings == ()
    assert report.nearest[1] == "yield <40 %, and at least 80 % is wanted"
    assert ("temperature", 105.0) in [(s.name, s.value) for s in report.nearest[0].settings]
    assert "nothing yet keeps the thresholds" in render(report)

    story.plan()
    story.end(story.propose({**HERE, "temperature": 75.0}), story.measured(**{"yield": 30.0}))

    assert build(story.settle(), story.name).nearest[1] == "yield <40 %, and at least 80 % is wanted"


def test_candidates_are_ranked_by_the_mean_of_their_replicates(story):
    story.plan()
    lucky = story.propose({**HERE, "temperature": 90.0}, replicates=2)
    steady = story.propose({**HERE, "temperature": 105.0}, replicates=2)
    for proposal, values in ((lucky, (99.0, 41.0)), (steady, (80.0, 84.0))):
        for replicate_no, value in enumerate(values):
            story.end(proposal, story.measured(**{"yield": value}), replicate_no)

    first, second = build(story.settle(), story.name).standings

    assert (first.values["yield"], first.n["yield"]) == (82.0, 2)
    assert first.spread["yield"] == pytest.approx(8**0.5)  # (80 - 82)^2 + (84 - 82)^2, over n - 1
    assert second.values["yield"] == 70.0


def test_the_prediction_shown_is_the_one_made_when_first_proposed(story):
    story.plan()
    one = story.propose({**HERE, "temperature": 90.0}, said=story.predictions({"gp": (50.0, 9.0, 1.0)}))
    story.end(one, story.measured(**{"yield": 60.0}))
    story.plan()
    again = story.propose({**HERE, "temperature": 90.0}, Arm.REPLICATE, story.predictions({"gp": (60.0, 1.0, 1.0)}))
    story.end(again, story.measured(**{"yield": 61.0}))

    (standing,) = build(story.settle(), story.name).standings

    assert standing.predicted["yield"].mean == 50.0
    assert (standing.round_number, standing.arm) == (1, Arm.MODEL)


def test_of_a_plate_whose_replicate_ran_first_it_is_told_why_the_condition_was_chosen(story):
    story.plan()
    repeat = story.propose({**HERE, "temperature": 90.0}, Arm.REPLICATE)
    chosen = story.propose({**HERE, "temperature": 90.0}, said=story.predictions({"gp": (50.0, 9.0, 1.0)}))
    for proposal, value in ((repeat, 61.0), (chosen, 60.0)):
        story.end(proposal, story.measured(**{"yield": value}))

    (standing,) = build(story.settle(), story.name).standings

    assert standing.n["yield"] == 2
    assert (standing.arm, standing.predicted["yield"].mean) == (Arm.MODEL, 50.0)


def test_of_two_targets_the_pareto_front_comes_first(story):
    story.spec["objective"] = {"yield": {"goal": "maximize", "unit": "%"}, "waste": {"goal": "minimize", "unit": "g"}}
    story.plan()
    pairs = [(90.0, 5.0), (80.0, 2.0), (80.0, 3.0), (95.0, 6.0), (10.0, 2.0), (70.0, 1.0)]
    for place, (gain, waste) in enumerate(pairs):
        proposal = story.propose({**HERE, "temperature": 90.0 + place})
        story.end(proposal, story.measured({"waste": "g"}, **{"yield": gain, "waste": waste}))
    partial = story.propose({**HERE, "temperature": 120.0})
    story.end(partial, story.measured(**{"yield": 99.0}))

    standings = build(story.settle(), story.name).standings

    # By hand: (80, 3) is beaten by (80, 2), (10, 2) by (70, 1); the one without waste stands last.
    # Within a front the record's first target orders, and the record sorts its keys: waste before yield.
    assert [(s.values["yield"], s.front) for s in standings] == [
        (70.0, 1),
        (80.0, 1),
        (90.0, 1),
        (95.0, 1),
        (10.0, 2),
        (80.0, 2),
        (99.0, 3),
    ]


def test_a_goal_without_direction_is_refused_by_name(story):
    story.spec["objective"]["yield"]["goal"] = "satisfy"

    with pytest.raises(ObjectiveError, match=r"'yield'.*got .satisfy."):
        build(story.settle(), story.name)


def test_a_trade_off_is_followed_by_its_score_first(story):
    story.spec["tradeoff"] = "desirability"
    story.spec["objective"] = {
        "logD": {"goal": "match", "value": 2, "within": 2},
        "potency": {"goal": "maximize", "desirable": {"from": 4, "to": 8}},
    }
    units = {"logD": "", "potency": ""}
    story.plan()
    for place, (logd, potency) in enumerate([(2.0, 5.0), (3.0, 7.0), (0.5, 8.0), (1.0, 7.0)]):
        ran = story.propose({**HERE, "temperature": 90.0 + place})
        story.end(ran, measured(units, logD=logd, potency=potency))
    story.end(story.propose({**HERE, "temperature": 99.0}), measured(units, logD=2.0))  # no potency, no score

    report = build(story.settle(), story.name)
    page = render(report)

    score, *others = report.best
    assert (score.target, score.result.experiment) == ("desirability", 2)
    assert score.reading.value == pytest.approx((0.5 * 0.75) ** 0.5)  # of 3.0 within 2 of 2.0, and 7.0 from 4 to 8
    assert [(b.target, b.reading.value) for b in others] == [("logD", 2.0), ("potency", 8.0)]
    assert page.index("best desirability so far") < page.index("best logD so far")
    assert "desirability against experiments: 4 values" in page
    assert "the dark one is the best by desirability" in page
    assert "Pareto front: nothing measured is better in both" not in page


def test_the_score_of_limits_is_a_limit(story):
    story.spec["tradeoff"] = "weighted"
    story.spec["objective"] = {
        "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
        "waste": {"goal": "minimize", "unit": "%", "low": 0, "high": 100},
    }
    story.plan()
    of_limit = (Measurement("yield", 90.0, "%", 90.0, qualifier=Qualifier.ABOVE), Measurement("waste", 20.0, "%", 20.0))
    story.end(story.propose({**HERE, "temperature": 90.0}), Measured(of_limit))

    score = build(story.settle(), story.name).best[0]

    assert (score.target, score.reading.qualifier) == ("weighted merit", Qualifier.ABOVE)
    assert score.reading.value == pytest.approx(0.85)


@pytest.mark.parametrize(("qualifier", "way"), [("<", 1), (">", -1)])
def test_a_limit_is_drawn_as_one_and_a_value_as_none(story, qualifier, way):
    run(story, [20.0], qualifier)
    limit = render(build(story.settle(), story.name))
    run(story, [30.0])
    both = render(build(story.settle(), story.name))

    def pointers(page):
        return re.findall(r'<path d="M[\d.]+,([\d.]+) V([\d.]+)[^"]*" class="beyond"', page)

    (at, to), _narrow = pointers(limit)
    assert (float(to) - float(at)) * way > 5  # downwards is more in an SVG
    assert len(pointers(both)) == 2
    assert "a limit: the value lies on that side" in limit


def test_the_value_that_is_wanted_is_drawn_where_one_is(story):
    story.spec["objective"]["yield"] |= {"goal": "match", "value": 25, "within": 20}
    run(story, [10.0, 40.0])
    matched = render(build(story.settle(), story.name))
    story.spec["objective"]["yield"] = {"goal": "maximize", "unit": "%"}

    assert matched.count('class="sought"') == 2  # wide and narrow
    assert "the value that is wanted" in matched
    assert 'class="sought"' not in render(build(story.settle(), story.name))


def test_what_lies_beyond_the_chart_is_said_and_has_no_key_in_its_legend(story):
    story.spec["objective"]["yield"] |= {"goal": "match", "value": 60, "within": 200, "at_least": 20, "at_most": 90}
    run(story, [10.0, 40.0])
    page = render(build(story.settle(), story.name))
    legend = page.partition('<ul class="legend">')[2].partition("</ul>")[0]

    assert page.count('class="threshold"') == 2  # the one at 20, wide and narrow
    assert 'class="sought"' not in page
    assert "threshold-key" in legend
    assert "sought-key" not in legend
    assert "<li>threshold, 90 %: above what is drawn</li>" in legend
    assert "<li>the value that is wanted, 60 %: above what is drawn</li>" in legend
    assert "20 %" not in legend


def test_levels_in_numbers_are_all_the_ticks_there_are(story):
    story.spec["objective"] = {"class": {"goal": "maximize", "levels": [1, 2, 3, 4]}}
    story.plan()
    for place, level in enumerate((2.0, 3.0)):
        ran = story.propose({**HERE, "temperature": 90.0 + place})
        story.end(ran, measured({"class": ""}, **{"class": level}))

    page = render(build(story.settle(), story.name))

    chart = page.split("class against experiments")[1].split("</svg>")[0]
    ticks = re.findall(r'class="tick"[^>]*>([^<]+)<', chart)
    assert sorted(ticks) == ["1", "1", "2", "2", "3", "4"]  # two experiments, four levels


def reported(value, qualifier="=", name="yield", unit="%"):
    return Measurement(name, value, unit, value, qualifier=Qualifier(qualifier))


def test_a_limit_of_levels_counts_as_the_next_level_and_is_said_so(story):
    words = ["clear", "powder", "small", "large"]
    levels = {"levels": [1, 2, 3, 4], "words": words, "at_least": 2}
    story.spec["objective"] = {"crystals": {"goal": "maximize", **levels}}
    story.plan()
    for place, said in enumerate([("=", 1.0), (">", 1.0), (">", 3.0)]):
        value = reported(said[1], said[0], "crystals", "")
        story.end(story.propose({**HERE, "temperature": 90.0 + place}), Measured((value,)))

    report = build(story.settle(), story.name)
    page = render(report)

    assert [(s.values["crystals"], s.bounds.get("crystals", ""), s.is_useful) for s in report.standings] == [
        (4.0, "", True),  # above small is large
        (2.0, "at least", True),
        (1.0, "", False),
    ]
    assert report.best[0].reading.is_number
    assert '<div class="value">at least powder</div>' in page


def test_a_limit_that_leaves_open_whether_a_threshold_is_kept_neither_counts_nor_breaks_it(story):
    story.spec["objective"]["waste"] = {"goal": "keep", "at_most": 3.0}
    story.plan()
    for place, waste in enumerate([reported(5.0, "<", "waste", ""), reported(0.5, "<", "waste", "")]):
        outcome = Measured((reported(50.0 - place), waste))
        story.end(story.propose({**HERE, "temperature": 90.0 + place}), outcome)

    report = build(story.settle(), story.name)

    assert [(s.values.get("waste"), s.is_useful, s.is_open) for s in report.standings] == [
        (0.5, True, ()),
        (None, True, ("waste",)),
    ]
    assert "may break the threshold of waste: its result leaves that open" in render(report)
    assert report.best[0].reading.value == 49.0  # the other may break the threshold


def test_limits_beside_numbers_leave_the_mean_and_have_no_deviation(story):
    story.plan()
    mixed = story.propose({**HERE, "temperature": 90.0}, replicates=3)
    for n, value in enumerate([reported(40.0), reported(44.0), reported(30.0, ">")]):
        story.end(mixed, Measured((value,)), n)
    limits = story.propose({**HERE, "temperature": 95.0}, replicates=2)
    for n in range(2):
        story.end(limits, Measured((reported(30.0, ">"),)), n)

    report = build(story.settle(), story.name)

    found = [(s.values["yield"], s.n["yield"], s.spread.get("yield"), s.bounds) for s in report.standings]
    assert found == [(42.0, 2, pytest.approx(8**0.5), {}), (30.0, 2, None, {"yield": ">"})]
    assert "yield, mean of 2 limits" in render(report)
