"""Asking and telling in Python: values as numpy and pandas have them, and no result that does not count unnoticed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from db.ledger import open_ledger
from flows.ask_tell import AskError, Campaign, NotCounted
from flows.engine.looking.predicting import PredictError
from flows.settings import Settings
from loop.outcome import write_outcome
from tests.flows.engine.bench import add, spec_of

OBJECTIVE = {"yield": {"goal": "maximize", "unit": "%"}, "ee": {"goal": "maximize", "unit": "%"}}


class NAType:
    """As pandas has it, which hakken does not need."""


class Series:
    """Of pandas: no mapping, with no truth of its own."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.items = values.items

    def __bool__(self) -> bool:
        raise ValueError("the truth value of a Series is ambiguous")


class Frame:
    """Of pandas."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows = list(rows)

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return self._rows


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    settings = Settings(tmp_path / "runs", by="tester")
    add(settings, tmp_path, laboratory={"adapter": "ask_tell"}, objective=OBJECTIVE)
    return Campaign("small", settings=settings)


def outcomes(campaign: Campaign) -> list[Any]:
    with open_ledger(campaign.settings.database) as ledger:
        return [write_outcome(o.outcome) for o in ledger.observations("small")]


def values_of(campaign: Campaign) -> dict[str, float]:
    (outcome,) = outcomes(campaign)
    return {value["property"]: value["value"] for value in outcome["values"]}


@pytest.mark.parametrize(
    "values",
    [
        {"yield": np.float32(3), "ee": np.nan},
        {"yield": np.int64(3), "ee": None},
        {"yield": np.array([3.0]), "ee": NAType()},
        {"yield": {"value": np.float64(3), "sd": np.nan, "n": np.int64(2)}, "ee": {"value": float("nan")}},
        Series({"yield": 3.0, "ee": np.nan}),
    ],
)
def test_values_of_numpy_and_pandas_are_taken_and_what_was_not_measured_is_left_out(
    campaign: Campaign, values: Any
) -> None:
    (one,) = campaign.ask(np.int64(1)).experiments  # type: ignore[arg-type]

    told = campaign.tell(one, values, context={"lot": np.int64(7), "day": date(2026, 11, 29), "bath": np.float32(2.5)})

    assert told.counts
    assert values_of(campaign) == {"yield": 3.0}
    with open_ledger(campaign.settings.database) as ledger:
        (sent,) = ledger.envelopes("small")
    assert json.loads(sent.payload)["context"] == {"lot": 7, "day": "2026-11-29", "bath": 2.5}


@pytest.mark.parametrize("unit", ["ns", "us", "m"])
def test_a_time_of_numpy_tells_its_day(campaign: Campaign, unit: str) -> None:
    (one,) = campaign.ask(1).experiments
    (when,) = np.array(["2026-10-25T02:30"], f"datetime64[{unit}]")

    campaign.tell(one, {"yield": 3.0, "ee": 4.0}, context={"day": when})

    with open_ledger(campaign.settings.database) as ledger:
        (sent,) = ledger.envelopes("small")
    assert json.loads(sent.payload)["context"] == {"day": "2026-10-25T02:30:00"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"yeild": 3.0}, "malformed.: no value for any target; the campaign measures ee, yield"),
        ({"yield": np.nan}, "malformed.: outcome 'measured' without values"),
        (
            {"yield": (3.0, 0.4)},
            r"malformed.: 'yield': value must be a finite number, got \[3.0, 0.4\]; a value with its deviation is "
            r'{"value": 50, "sd": 2}, the mean of several',
        ),
        (
            {"yield": {"value": 3.0, "sem": 1.0}},
            "malformed.: unknown key 'sem' in a value; known: channel, n,",
        ),
    ],
)
def test_a_result_that_does_not_count_is_warned_of_and_kept(campaign: Campaign, values: Any, why: str) -> None:
    (one,) = campaign.ask(1).experiments

    with pytest.warns(NotCounted, match=why):
        told = campaign.tell(one, values)

    assert not told.counts
    with open_ledger(campaign.settings.database) as ledger:
        assert len(ledger.envelopes("small")) == 1
    assert campaign.tell(one, {"yield": 3, "ee": 4}).counts


def test_a_name_that_is_no_target_is_pointed_at_where_a_target_got_no_value(campaign: Campaign) -> None:
    one, other = campaign.ask(2).experiments

    with pytest.warns(UserWarning, match=r"'EE' is no target \(did you mean 'ee'\?\) and is kept beside; ee got no"):
        assert campaign.tell(one, {"yield": 3, "EE": 4}).counts
    with pytest.warns(UserWarning, match="ee joined 1 result"):
        assert campaign.tell(one, {"ee": 4}).counts
    assert campaign.tell(other, {"yield": 3, "ee": 4, "mass": 7}).counts  # more than what is asked for is no slip

    told = [{value["property"]: value["value"] for value in outcome["values"]} for outcome in outcomes(campaign)]
    assert sorted(told, key=str) == [{"EE": 4, "ee": 4, "yield": 3}, {"ee": 4, "mass": 7, "yield": 3}]


def test_what_a_bare_negative_leaves_open_is_warned_of_and_what_cannot_be_made_is_told_as_such(
    campaign: Campaign,
) -> None:
    one, other, third = campaign.ask(3).experiments

    with pytest.warns(UserWarning, match="negative without a limit for .*: it counts as done, and as possible"):
        assert campaign.tell(one, negative="infeasible").counts
    assert campaign.tell(other, {"yield": "<1", "ee": 0}, negative="no conversion").notes == ()
    assert campaign.tell(third, fault="cannot").counts

    assert outcomes(campaign)[2] == {
        "outcome": "fault",
        "kind": "input_error",
        "message": "cannot",
        "informative": True,
    }


def test_a_value_of_what_is_derived_is_said_to_count_for_nothing(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs", by="tester")
    derived = {"sum": {"expression": "`yield` + ee", "goal": "maximize"}}
    add(settings, tmp_path, laboratory={"adapter": "ask_tell"}, objective=OBJECTIVE, derived=derived)
    campaign = Campaign("small", settings=settings)
    (one,) = campaign.ask(1).experiments

    with pytest.warns(UserWarning, match="'sum' is derived, and worked out from what is measured: what was told of it"):
        assert campaign.tell(one, {"yield": 3, "ee": 4, "sum": 8}).counts


def test_a_data_frame_is_told_row_by_row(campaign: Campaign) -> None:
    one: dict[str, Any] = {"solvent": "water", "base": "DBU", "step": np.int64(1), "yield": 3.5, "ee": 4}
    other = {"solvent": "DMF", "base": "DBU", "step": 2, "yield": np.nan, "ee": np.float32(5)}

    report = campaign.tell_own(Frame(one, other), key="frame")

    assert (report.accepted, report.problems) == (2, [])
    assert sorted(len(outcome["values"]) for outcome in outcomes(campaign)) == [1, 2]
    with pytest.warns(NotCounted, match="has no option 'wter'"):
        campaign.tell_own(Frame({**one, "solvent": "wter"}, other), key="wrong")


def test_what_is_no_experiment_and_no_table_is_named_with_what_to_call(campaign: Campaign) -> None:
    frame: Any = Frame({"key": "a", "yield": 3.0})
    given: Any

    with pytest.raises(AskError, match=r"one of ask\(...\).experiments, or its key, got Frame; a table of results"):
        campaign.tell(frame, {"yield": 3.0})
    for given in ({"yield": 3.0}, "results.csv", [1, 2], Series({"yield": 3.0})):
        kind = type(given).__name__
        with pytest.raises(AskError, match=rf"a list of mappings, .* or a data frame, got {kind}; write \[row\]"):
            campaign.tell_own(given)


def test_what_is_no_campaign_is_named_with_what_to_give(campaign: Campaign, tmp_path: Path) -> None:
    saved = tmp_path / "campaign.json"
    saved.write_text("{}")
    given: Any

    assert repr(campaign) == "Campaign('small')"
    with pytest.raises(AskError, match=r"got the text of one; write it to a file, such as Path"):
        Campaign("campaign: other\nspace: {}\n", settings=campaign.settings)
    with pytest.raises(AskError, match=r"the file .*campaign.json; hakken import .*campaign.json makes"):
        Campaign(str(saved), settings=campaign.settings)
    for given in ({"campaign": "other"}, None):
        with pytest.raises(AskError, match=f"got {type(given).__name__}; write what it says to a file"):
            Campaign(given, settings=campaign.settings)


def test_values_that_do_not_go_by_target_are_refused_with_how_they_do(campaign: Campaign) -> None:
    (one,) = campaign.ask(1).experiments
    values: Any

    for values in (50, "50", [50]):
        with pytest.raises(AskError, match=r"values go by target, such as {'\w+': 50}, got .*50"):
            campaign.tell(one, values)
    with pytest.raises(AskError, match="no place for a value that is infinite; tell a limit such as '>100'"):
        campaign.tell(one, {"yield": np.inf})
    assert campaign.tell(one, {"yield": 50, "ee": 4}).counts


@pytest.mark.parametrize("key", ["", 5, "a b"])
def test_a_key_that_is_none_is_refused(campaign: Campaign, key: Any) -> None:
    with pytest.raises(AskError, match="the key of a request must be 1 to 120 letters"):
        campaign.ask(1, key=key)


class TestWhatIsBelieved:
    """A script has what ``hakken predict``, ``export`` and ``explain`` tell, as rows."""

    ROWS = ({"ligand": "SPhos", "temperature": 100}, {"ligand": "XPhos", "temperature": 60.0})

    @pytest.fixture
    def told(self, tmp_path: Path) -> Campaign:
        space = {
            "ligand": {"type": "category", "options": ["XPhos", "SPhos"]},
            "temperature": {"type": "number", "values": [60, 80, 100], "unit": "degC"},
        }
        settings = Settings(tmp_path / "runs", by="tester")
        planner = {"surrogate": "gp", "initial": {"experiments": 2}}
        add(settings, tmp_path, laboratory={"adapter": "ask_tell"}, objective=OBJECTIVE, space=space, planner=planner)
        campaign = Campaign("small", settings=settings)
        rows = [
            {"ligand": ligand, "temperature": t, "yield": 10 * (i + 1) + t / 4, "ee": 90.0}
            for i, ligand in enumerate(("XPhos", "SPhos"))
            for t in (60, 80, 100)
        ]
        campaign.tell_own(rows)
        return campaign

    def test_candidates_are_predicted_in_their_order(self, told: Campaign) -> None:
        rows = told.predict(self.ROWS)
        from_a_frame = told.predict(Frame(*self.ROWS, {"ligand": "XPhos", "temperature": np.float64(80)}))

        assert [(row["ligand"], row["temperature"]) for row in rows] == [("SPhos", 100.0), ("XPhos", 60.0)]
        assert rows[0]["yield low"] < rows[0]["yield"] < rows[0]["yield high"]
        assert rows[0]["yield"] > rows[1]["yield"]
        assert [row["experiments"] for row in rows] == [1, 1]
        assert from_a_frame[:2] == rows
        assert len(from_a_frame) == 3

    def test_all_that_meet_conditions_the_best_first(self, told: Campaign) -> None:
        rows = told.predict(where=["temperature=100"])

        assert {row["temperature"] for row in rows} == {100.0}
        assert rows[0]["ligand"] == "SPhos"
        assert len(told.predict()) > len(rows)

    def test_what_cannot_be_predicted_is_named(self, told: Campaign) -> None:
        with pytest.raises(PredictError, match=r"not all of the candidates can be read:\n  row 2: .*'Xphoz'"):
            told.predict([self.ROWS[0], {"ligand": "Xphoz", "temperature": 60}])
        with pytest.raises(PredictError, match="'temperature' must be a text or a number, got True"):
            told.predict([{"ligand": "XPhos", "temperature": True}])
        with pytest.raises(PredictError, match="no candidates are given; give a row for each"):
            told.predict([])
        with pytest.raises(AskError, match="got dict; write"):
            told.predict({"ligand": "XPhos"})  # type: ignore[arg-type]

    def test_results_are_rows_as_they_are_exported(self, told: Campaign) -> None:
        rows = told.results()

        assert len(rows) == 6
        assert {row["settings.ligand"] for row in rows} == {"XPhos", "SPhos"}
        assert told.predict(rows[:1])[0]["experiments"] == 1  # and are candidates

    def test_candidates_are_compared(self, told: Campaign) -> None:
        found = told.compare(at=["ligand=SPhos", "temperature=100"], to=["temperature=60"], by=["yield=9.5"])

        of_yield = next(one for one in found.targets if one.name == "yield")
        assert found.settings[1]["ligand"] == "SPhos"  # what is not said is as there
        assert of_yield.low is not None
        assert of_yield.high is not None
        assert of_yield.low < of_yield.difference < of_yield.high
        assert of_yield.enough is not None
        assert of_yield.better is not None
        assert of_yield.enough < 0.9 < of_yield.better

    def test_what_beliefs_rest_on_is_told_by_target(self, told: Campaign) -> None:
        found = {one.target: {p.parameter: p.share for p in one.parameters} for one in told.explain()}

        assert set(found) == {"yield", "ee"}
        assert found["yield"]["temperature"] > 0.0


def test_who_opens_a_file_is_warned_of_what_it_undoes(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    ben, anna = (Settings(tmp_path / "runs", by=by) for by in ("ben", "anna"))
    files = {experiments: tmp_path / f"{experiments}.yaml" for experiments in (20, 30)}
    for experiments, path in files.items():
        said = spec_of(laboratory={"adapter": "ask_tell"}, budget={"experiments": experiments})
        path.write_text(json.dumps(said), encoding="utf-8")

    Campaign(files[20], settings=ben)
    Campaign(files[30], settings=anna)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="is as small was in version 1: what anna changed since .* is undone"):
        Campaign(files[20], settings=ben)
