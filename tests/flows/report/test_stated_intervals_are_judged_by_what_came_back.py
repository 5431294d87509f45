"""Predictions frozen at proposal time, against scipy and against counts made by hand."""

import pytest
from scipy.stats import binomtest, spearmanr

from db.exchange import table
from flows.report import build
from flows.report.calibration import spearman, wilson
from flows.report.limits import limits, verdict
from flows.report.page import render
from loop.outcome import Fault, FaultKind, Negative
from loop.record import Arm, Prediction

KOAC = {"ligand": "XPhos", "base": "KOAc"}


def whole(mean, sd, target="yield"):
    return (Prediction(target, "committee", mean, sd),)


def said_and_came(story, deviations, arm=Arm.MODEL, mean=50.0, sd=10.0):
    """One proposal for each deviation: predicted 50 ± 10, measured so many sd away."""
    for place, z in enumerate(deviations):
        proposal = story.propose({**KOAC, "temperature": 90.0 + place}, arm, whole(mean, sd))
        story.end(proposal, story.measured(**{"yield": mean + z * sd}))


@pytest.mark.parametrize(("inside", "n"), [(0, 10), (8, 10), (10, 10), (45, 50), (1, 1), (27, 31)])
def test_wilsons_interval_is_scipys(inside, n):
    expected = binomtest(inside, n).proportion_ci(method="wilson")

    assert wilson(inside, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilsons_interval_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("xs", "ys"),
    [([1, 2, 3, 4], [1, 3, 2, 4]), ([1, 1, 2, 2, 5], [9, 8, 8, 7, 0]), ([0.1, -3, 7, 7, 7, 2], [4, 4, 4, 1, 2, 3])],
)
def test_the_rank_correlation_is_scipys_with_ties_too(xs, ys):
    assert spearman(xs, ys) == pytest.approx(spearmanr(xs, ys).statistic, abs=1e-12)


def test_a_side_that_does_not_vary_has_no_rank_correlation():
    assert spearman([1, 1, 1], [1, 2, 3]) is None


def test_coverage_counts_what_fell_inside(story):
    story.plan()
    # A normal's central 50 % ends at 0.674 sd, its central 90 % at 1.645 sd.
    said_and_came(story, [0.0, 0.67, -0.67, 0.68, -0.68, 1.0, 1.64, -1.64, 1.65, -1.65, 3.0, -0.1])

    trust = build(story.settle(), story.name).calibration[0].trust[0]

    assert [(c.level, c.inside, c.n) for c in trust.coverage] == [(0.5, 4, 12), (0.9, 9, 12)]
    assert trust.rmse == pytest.approx(
        10 * ((2 * 0.67**2 + 2 * 0.68**2 + 1 + 2 * 1.64**2 + 2 * 1.65**2 + 9 + 0.01) / 12) ** 0.5
    )


def test_what_ran_at_other_settings_than_asked_checks_no_prediction(story):
    story.plan()
    for really, value in ((90.2, 50.0), (102.0, 99.0)):  # a hundredth of 90 to 120 degC is 0.3
        proposal = story.propose({**KOAC, "temperature": 90.0}, Arm.MODEL, whole(50, 10))
        story.end(proposal, story.measured(**{"yield": value}), context={"actual": {"temperature": really}})
    other = story.propose({**KOAC, "temperature": 105.0}, Arm.MODEL, whole(50, 10))
    story.end(other, story.measured(**{"yield": 98.0}), context={"actual": {"ligand": "PPh3"}})

    report = build(story.settle(), story.name)

    (calibration,) = report.calibration
    assert [check.measured for check in calibration.checks] == [50.0]
    assert (calibration.elsewhere, calibration.left_out) == (2, 0)
    assert "2 proposals that ran at other settings than asked are left out." in render(report)


def test_what_ran_by_another_option_is_said_where_the_best_is_named(story):
    story.plan()
    proposal = story.propose({**KOAC, "temperature": 90.0}, Arm.MODEL, whole(50, 10))
    story.end(proposal, story.measured(**{"yield": 98.0}), context={"actual": {"ligand": "PPh3"}})

    page = render(build(story.settle(), story.name))

    assert "(really ligand PPh3); experiment 1" in page  # the best so far
    assert "temperature 90\N{NO-BREAK SPACE}degC (really ligand PPh3)</div>" in page  # the best candidates


def test_of_replicates_the_first_measured_counts_alone(story):
    story.plan()
    proposal = story.propose({**KOAC, "temperature": 90.0}, Arm.MODEL, whole(50, 10), replicates=3)
    story.end(proposal, Fault.of(FaultKind.INSTRUMENT_FAULT, "needle clogged"), 0)
    story.end(proposal, story.measured(**{"yield": 52.0}), 1)
    story.end(proposal, story.measured(**{"yield": 99.0}), 2)

    calibration = build(story.settle(), story.name).calibration[0]

    assert [check.measured for check in calibration.checks] == [52.0]
    assert calibration.left_out == 0


def test_what_gave_no_number_is_left_out_and_counted(story):
    story.plan()
    said_and_came(story, [0.1])
    outcomes = [
        Negative("no conversion"),
        Fault.of(FaultKind.SAFETY_STOP, "exotherm"),
        story.measured(qualifier="<", **{"yield": 5.0}),
    ]
    for place, outcome in enumerate(outcomes):
        proposal = story.propose({**KOAC, "temperature": 100.0 + place}, Arm.MODEL, whole(50, 10))
        story.end(proposal, outcome)
    retracted = story.propose({**KOAC, "temperature": 119.0}, Arm.MODEL, whole(50, 10))
    story.retract(story.end(retracted, story.measured(**{"yield": 51.0})), "wrong vial")

    calibration = build(story.settle(), story.name).calibration[0]

    assert len(calibration.checks) == 1
    assert calibration.left_out == 4


def has_versions(story):
    """Let the campaign have a cheap version."""
    fidelity = {"type": "fidelity", "options": ["calculated", "measured"], "costs": {"calculated": 1, "measured": 9}}
    story.spec |= {"space": story.spec["space"] | {"method": fidelity}, "laboratory": {"adapter": "manual"}}
    del story.spec["a later key"]  # the costs of versions are worked out from the whole spec
    story.plan()


@pytest.fixture
def with_versions(story):
    """Ten calculations far off what was said of them, and as many measurements where it was said."""
    has_versions(story)
    for place in range(20):
        method = ("calculated", "measured")[place % 2]
        arm = Arm.CONTROL if place in (4, 5) else Arm.MODEL
        proposal = story.propose({**KOAC, "temperature": 90.0 + place, "method": method}, arm, whole(50, 10))
        story.end(proposal, story.measured(**{"yield": 50.0 + place / 10 if method == "measured" else 90.0}))
    return story


def test_cheap_versions_are_left_out_of_what_is_said_of_predictions(with_versions):
    report = build(with_versions.settle(), with_versions.name)
    (calibration,) = report.calibration
    page = render(report)

    assert [check.measured for check in calibration.checks] == [pytest.approx(50 + k / 10) for k in range(1, 20, 2)]
    assert [c.inside for c in calibration.trust[0].coverage] == [10, 10]
    assert calibration.trust[0].rmse == pytest.approx(1.1533, abs=1e-3)  # 0.1, 0.3, ... 1.9 away
    assert (calibration.cheaper, calibration.left_out) == (10, 0)
    assert "10 proposals of a cheap version are left out." in page
    assert "Only the real thing is counted, and no cheap version of it." in page
    assert "10 of 10 measurements of the real thing fell inside the stated 90 % interval" in " ".join(limits(report))


def test_cheap_versions_are_left_out_of_the_gain_over_chance(with_versions):
    (chance,) = build(with_versions.settle(), with_versions.name).chance

    assert (chance.model.n, chance.control.n) == (9, 1)
    assert chance.control.mean == pytest.approx(50.5)


def test_where_only_cheap_versions_were_tried_the_page_says_what_is_lacking(story):
    has_versions(story)
    proposal = story.propose({**KOAC, "temperature": 90.0, "method": "calculated"}, Arm.MODEL, whole(50, 10))
    story.end(proposal, story.measured(**{"yield": 51.0}))

    page = render(build(story.settle(), story.name))

    assert "none was frozen before its experiment, as the real thing, ended with a number" in page


def test_an_initial_design_without_predictions_is_no_check(story):
    story.plan(surrogate="")
    proposal = story.propose({**KOAC, "temperature": 90.0}, Arm.INITIAL)
    story.end(proposal, story.measured(**{"yield": 30.0}))

    calibration = build(story.settle(), story.name).calibration[0]

    assert calibration.checks == ()
    assert calibration.left_out == 0
    assert calibration.trust[0].rmse is None


def test_the_only_model_speaks_where_there_is_no_committee(story):
    story.plan(surrogate="gp")
    proposal = story.propose({**KOAC, "temperature": 90.0}, Arm.MODEL, (Prediction("yield", "gp", 40.0, 5.0),))
    story.end(proposal, story.measured(**{"yield": 41.0}))

    assert build(story.settle(), story.name).calibration[0].checks[0].mean == 40.0


def test_two_members_without_a_whole_claim_nothing_together(story):
    story.plan()
    said = (Prediction("yield", "gp", 40.0, 5.0), Prediction("yield", "trees", 60.0, 5.0))
    proposal = story.propose({**KOAC, "temperature": 90.0}, Arm.MODEL, said)
    story.end(proposal, story.measured(**{"yield": 41.0}))

    assert build(story.settle(), story.name).calibration[0].checks == ()


def test_each_arm_is_judged_apart_where_there_are_several(story):
    story.plan()
    said_and_came(story, [2.0, 2.0, 0.0])
    said_and_came(story, [0.0, 0.0], Arm.CONTROL)

    trust = build(story.settle(), story.name).calibration[0].trust

    assert [(t.arms, t.n, t.coverage[1].inside) for t in trust] == [
        ((Arm.MODEL, Arm.CONTROL), 5, 3),
        ((Arm.MODEL,), 3, 1),
        ((Arm.CONTROL,), 2, 2),
    ]


@pytest.mark.parametrize(
    ("deviations", "words"),
    [
        ([0.0] * 9, "too few to judge"),
        ([0.0] * 9 + [3.0], "agrees with what was stated"),
        ([0.0] * 40, "too wide"),
        ([0.0] * 10 + [3.0] * 10, "too narrow"),
    ],
)
def test_the_verdict_weighs_the_counts(story, deviations, words):
    story.plan()
    said_and_came(story, deviations)

    assert words in verdict(build(story.settle(), story.name).calibration[0].trust[0].coverage[1])


@pytest.mark.parametrize(
    ("chance", "hits", "words"),
    [(0.5, 9, "agrees with what was stated"), (0.9, 9, "too high: fewer hits"), (0.1, 9, "too low: more hits")],
)
def test_of_classes_chances_are_judged_by_hits_and_no_interval_is(story, chance, hits, words):
    story.spec["objective"] = {"active": {"goal": "maximize", "classes": ["no", "yes"]}}
    story.plan()
    for place in range(20):
        said = whole(chance, (chance * (1 - chance)) ** 0.5, "active")
        proposal = story.propose({**KOAC, "temperature": 90.0 + place}, Arm.MODEL, said)
        story.end(proposal, story.measured(active=float(place < hits)))

    report = build(story.settle(), story.name)
    page, trust = render(report), report.calibration[0].trust[0]

    expected = binomtest(hits, 20).proportion_ci(method="wilson")
    assert trust.coverage == ()
    assert (trust.hits.found, trust.hits.n) == (hits, 20)
    assert trust.hits.expected == pytest.approx(20 * chance)
    assert (trust.hits.low, trust.hits.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert words in page
    assert any(words in sentence for sentence in limits(report))
    assert "90 % interval" not in page
    assert f"predicted yes with a chance of {chance}" in page
    assert "measured no" in page


def test_predictions_are_drawn_and_exported_within_what_the_target_can_be(story):
    story.plan()
    said_and_came(story, [4.5, 5.0], mean=-8.0, sd=2.0)
    ledger = story.settle()

    report = build(ledger, story.name)
    page, exported = render(report), table(ledger, story.name)

    assert "predicted 0.0 ± 2.0\N{NO-BREAK SPACE}% (\N{MINUS SIGN}8 by the model, beyond what it can be)" in page
    chart = page.split("predicted against measured yield / %")[1].split("</svg>")[0]
    assert "\N{MINUS SIGN}5" not in chart
    assert [check.mean for check in report.calibration[0].checks] == [-8.0, -8.0]  # judged as frozen
    assert [(row["predicted.yield.mean"], row["predicted.yield.sd"]) for row in exported] == [(0.0, 2.0)] * 2
