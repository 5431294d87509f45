"""Records of the Open Reaction Database in another encoding, or of a later definition."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flows.importing import ImportFault, Source, read_foreign

pytest.importorskip("ord_schema")
FILE = Path(__file__).parent / "data" / "ord_aminations.json"


def test_a_record_in_utf16_says_the_same() -> None:
    text = FILE.read_text(encoding="utf-8")

    plain, other = (read_foreign(Source(FILE, text.encode(encoding), {})) for encoding in ("utf-8", "utf-16"))

    assert other.results == plain.results
    assert other.parameters == plain.parameters


def test_a_field_of_a_later_definition_is_no_fault_of_the_file() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    dataset["reactions"][0]["afterthought"] = 1

    with pytest.raises(ImportFault, match="where a later one wrote it: pip install --upgrade ord-schema"):
        read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))


def test_amounts_that_measure_different_things_are_left_out_by_name() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    ligand = dataset["reactions"][0]["inputs"]["ligand"]["components"][0]
    ligand["amount"] = {"mass": {"value": 1.2, "units": "MILLIGRAM"}}

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))

    left = "catalyst amount, which is told 5 in umol and 1 in mg, and these measure different things"
    assert left in foreign.left
    assert "catalyst amount" not in {p.name for p in foreign.parameters}
    assert len(foreign.results) == 5


def test_structures_that_one_option_lacks_are_said_to_be_lost() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    ligand = dataset["reactions"][0]["inputs"]["ligand"]["components"][0]
    ligand["identifiers"] = [{"type": "NAME", "value": "ligand 7"}]

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))

    assert next(p for p in foreign.parameters if p.name == "catalyst").keys["type"] == "category"
    assert "catalyst is read without structures: 'ligand 7' has none" in foreign.notes


def aminations(*without: int, is_same: bool = False) -> Source:
    """The record, of which some reactions have no temperature; with ``is_same`` the others have all the same."""
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    for i, reaction in enumerate(dataset["reactions"]):
        if is_same:
            reaction["conditions"]["temperature"]["setpoint"] = {"value": 60, "units": "CELSIUS"}
        if i in without:
            del reaction["conditions"]["temperature"]
    return Source(FILE, json.dumps(dataset).encode(), {})


def test_reactions_that_lack_a_number_are_left_out_by_name_rather_than_the_number() -> None:
    foreign = read_foreign(aminations(0, 3))

    temperature = next(p for p in foreign.parameters if p.name == "temperature")
    assert temperature.keys["values"] == [60.0, 80.5]
    assert [result.place for result in foreign.results] == ["ord-1", "ord-2", "ord-4"]
    assert all("temperature" in result.settings for result in foreign.results)
    left = "ord-0, ord-3: without temperature, which 4 of 6 have; --ignore 'temperature' leaves that out instead"
    assert left in foreign.left


def test_a_number_that_many_lack_is_left_out_itself() -> None:
    foreign = read_foreign(aminations(0, 1, 3))

    assert "temperature" not in {p.name for p in foreign.parameters}
    assert "temperature, which only 3 of 6 have" in foreign.left
    assert len(foreign.results) == 5


def test_a_number_may_be_left_out_for_the_reactions_that_lack_it() -> None:
    foreign = read_foreign(replace(aminations(3), ignore=("temperature",)))

    assert "temperature" not in {p.name for p in foreign.parameters}
    assert "temperature: as --ignore says" in foreign.left
    assert len(foreign.results) == 5
    known = "it has amine amount, aryl halide amount, base in DMSO amount, catalyst amount, salt amount, temperature"
    with pytest.raises(ImportFault, match=rf"--ignore heat: no amount or condition is called so; {known}, "):
        read_foreign(replace(aminations(), ignore=("heat",)))


def test_a_number_that_is_always_the_same_is_so_as_far_as_it_is_said() -> None:
    foreign = read_foreign(aminations(3, is_same=True))

    assert "temperature: always 60 degC, as far as 5 of 6 say" in foreign.left
    assert len(foreign.results) == 5


def test_what_does_not_vary_is_said_of_one_reaction_and_of_several() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    first = dataset["reactions"][0]
    for reactions, said in (([first], "it has one reaction"), ([first, first], "all reactions have the same inputs")):
        dataset["reactions"] = reactions

        with pytest.raises(ImportFault, match=f"{said}.*, so nothing says what may be varied; give reactions that"):
            read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))


def test_substances_of_one_input_go_by_roles_and_numbers() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    for i, reaction in enumerate(dataset["reactions"]):  # everything in one pot, and more amounts vary
        inputs = reaction["inputs"]
        first, second = (inputs.pop(key)["components"][0] for key in ("aryl halide", "amine"))
        second["amount"]["moles"]["value"] = 15.0 + i
        inputs["base in DMSO"]["components"] += [first, second]
        solvent = next(c for c in inputs["base in DMSO"]["components"] if c["reactionRole"] == "SOLVENT")
        solvent["amount"] = {"volume": {"value": 1.0 + i % 2, "units": "MILLILITER"}}

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))

    amounts = {p.name: p.keys["values"] for p in foreign.parameters if p.name.endswith("amount")}
    assert amounts["base in DMSO reactant 2 amount"] == [15.0, 16.0, 17.0, 18.0, 19.0, 20.0]
    assert amounts["base in DMSO solvent amount"] == [1.0, 2.0]
    assert "base in DMSO reactant 1: always bromobenzene" in foreign.left
    third = next(r for r in foreign.results if r.place == "ord-2")
    assert third.settings["base in DMSO reactant 2 amount"] == 17.0
    assert third.settings["base in DMSO"] == "Cs2CO3"


def test_what_was_measured_once_more_or_of_further_products_is_said() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    product = dataset["reactions"][0]["outcomes"][0]["products"][0]
    product["measurements"].append({"type": "YIELD", "analysisKey": "NMR", "percentage": {"value": 5}})
    beside = {"measurements": [{"type": "YIELD", "analysisKey": "NMR", "percentage": {"value": 7}}]}
    dataset["reactions"][1]["outcomes"][0]["products"].append(beside)

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))

    assert foreign.results == read_foreign(Source(FILE, FILE.read_bytes(), {})).results
    assert "further values of yield of 1 reaction: the first of each is taken" in foreign.left
    assert "what was measured of further products of 1 reaction" in foreign.left


def test_of_several_products_of_which_none_is_marked_the_first_is_taken_and_said() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    products = dataset["reactions"][0]["outcomes"][0]["products"]
    products[0].pop("isDesiredProduct", None)
    products.append({"measurements": [{"type": "YIELD", "percentage": {"value": 7}}]})

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))

    assert "no product of 1 reaction is marked as the desired one: the first is taken" in foreign.notes


def test_what_an_input_says_beside_its_substances_is_listed() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    for i, reaction in enumerate(dataset["reactions"]):
        given = reaction["inputs"]["ligand"]
        given["flowRate"] = {"value": 1 + i, "units": "MILLILITER_PER_MINUTE"}
        given["components"][0]["amount"] = {"unmeasured": {"type": "CATALYTIC"}}

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))

    n = len(dataset["reactions"])
    assert f"inputs.flow_rate of {n} reactions" in foreign.left
    assert f"inputs.amount.unmeasured of {n} reactions" in foreign.left


def test_a_number_that_is_none_is_not_given() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    for i, value in ((0, "NaN"), (3, "Infinity")):
        dataset["reactions"][i]["conditions"]["temperature"]["setpoint"]["value"] = value

    assert read_foreign(Source(FILE, json.dumps(dataset).encode(), {})) == read_foreign(aminations(0, 3))


def test_yields_that_are_not_read_are_named_where_there_are_no_others() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    for reaction in dataset["reactions"]:
        for outcome in reaction["outcomes"]:
            outcome.pop("conversion", None)
            measured = [{"type": "YIELD", "floatValue": {"value": 0.5}}]
            outcome["products"] = [
                {"isDesiredProduct": True, "measurements": measured},
                {"measurements": [{"type": "YIELD", "percentage": {"value": 7}}]},
            ]

    says = "nothing was measured; yield in other units is not read; products that are not marked as desired have values"
    with pytest.raises(ImportFault, match=says):
        read_foreign(Source(FILE, json.dumps(dataset).encode(), {}))


def test_selectivities_and_what_has_no_type_of_its_own_go_by_what_they_are() -> None:
    dataset = json.loads(FILE.read_text(encoding="utf-8"))
    further = [
        {"type": "SELECTIVITY", "selectivity": {"type": "EE"}, "percentage": {"value": -12}},
        {"type": "CUSTOM", "details": "yield brsm", "percentage": {"value": 40}},
        {"type": "CUSTOM", "details": "mass balance", "percentage": {"value": 98}},
    ]
    dataset["reactions"][0]["outcomes"][0]["products"][0]["measurements"] += further

    foreign = read_foreign(Source(FILE, json.dumps(dataset).encode(), {"ee": "maximize", "mass balance": ""}))

    assert {t.name: t.keys["goal"] for t in foreign.targets} == {"ee": "maximize", "mass balance": "maximize"}
    readings = foreign.results[0].readings
    assert {name: reading.value for name, reading in readings.items()} == {"ee": -12.0, "mass balance": 98.0}
    assert "yield brsm of 1 reaction: --target 'yield brsm' makes it a target" in foreign.left
