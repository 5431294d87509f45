"""Data frames that other planners give, saved as CSV: what they add is neither varied nor measured."""

from __future__ import annotations

from pathlib import Path

from flows.importing import Foreign, Source, read_foreign
from loop.spec import read_spec


def read(text: str, target: str = "yield") -> Foreign:
    return read_foreign(Source(Path("t.csv"), text.encode(), {target: "maximize"}, campaign="c", table="t.csv"))


def parameters(foreign: Foreign) -> list[str]:
    return list(read_spec(foreign.text, source="c.yaml", read=None).space)


def values(foreign: Foreign) -> list[tuple[float, str]]:
    """What is told of each yield, and of its deviation."""
    return [(r.readings["yield"].value, r.cells().get("yield_sd", "")) for r in foreign.results]


def test_a_value_that_bofire_calls_invalid_is_none() -> None:
    foreign = read(
        ",temperature,catalyst,yield,valid_yield,labcode\n"
        "0,20.0,A,50.0,1,x1\n1,40.0,B,60.0,1,x2\n2,60.0,A,70.0,0,x3\n3,80.0,B,10.0,1,x4\n"
    )

    assert parameters(foreign) == ["temperature", "catalyst"]
    assert values(foreign) == [(50.0, ""), (60.0, ""), (10.0, "")]
    assert "1 value of yield left out: column valid_yield says 0" in foreign.notes


def test_what_a_model_predicted_is_no_parameter_and_its_deviation_none_of_the_value() -> None:
    foreign = read(
        "temperature,catalyst,yield_pred,yield_sd,yield_des,yield\n20,A,50,1.5,0.4,51\n40,B,60,2.5,0.5,62\n60,A,7,3,1,9\n"
    )

    assert parameters(foreign) == ["temperature", "catalyst"]
    assert values(foreign) == [(51.0, ""), (62.0, ""), (9.0, "")]
    assert any(said.startswith("column yield_sd (beside what a model predicted of yield") for said in foreign.left)


def test_a_deviation_beside_a_value_alone_is_its_own() -> None:
    foreign = read("temperature,yield,yield_sd\n20,50,1.5\n40,60,2.5\n60,7,3\n")

    assert values(foreign) == [(50.0, "1.5"), (60.0, "2.5"), (7.0, "3")]


def test_a_switch_called_valid_of_something_else_is_a_parameter() -> None:
    assert parameters(read("valid,t,yield\n1,20,5\n0,40,6\n1,60,7\n")) == ["valid", "t"]


def test_names_and_states_of_trials_are_not_varied() -> None:
    foreign = read(
        ",trial_index,arm_name,trial_status,generation_node,x1,yield\n"
        "0,0,0_0,COMPLETED,Sobol,0.1,5\n1,1,1_0,COMPLETED,Sobol,0.2,6\n2,2,0_0,COMPLETED,MBM,0.1,8\n"
    )
    study = read("params_x,user_attrs_by,BatchNr,value\n1,AB,1,4\n2,CD,1,5\n3,AB,2,6\n", "value")

    assert parameters(foreign) == ["x1"]
    assert parameters(study) == ["params_x"]


def test_a_value_of_a_trial_that_came_to_no_end_is_pointed_at() -> None:
    foreign = read("x,value,state\n1,5,COMPLETE\n2,6,PRUNED\n3,,FAIL\n4,7,COMPLETE\n", "value")

    assert len(foreign.results) == 3
    said = "line 3: column state says that it came to no end, and its value counts; leave the row out if it should not"
    assert said in foreign.notes
