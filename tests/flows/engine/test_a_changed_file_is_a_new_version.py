from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import approve, ask, best, campaigns, lift, pin, preview_file, run, status, tell, tell_result, tick
from flows.report.build import build
from flows.settings import Settings
from flows.wiring import campaign_file
from loop.errors import PoolExhausted, SpecError, UnknownName
from tests.flows.engine.bench import HEADER, add, cheap_planner, measured, once, spec_of, story_of, write


def test_a_changed_file_is_a_new_version_and_a_larger_budget_lets_a_finished_campaign_go_on(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path, budget={"experiments": 4})
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner)
    add(settings, tmp_path, budget={"experiments": 4})
    assert status(settings, "small")[0].version == 1

    add(settings, tmp_path, budget={"experiments": 6})

    assert (status(settings, "small")[0].version, status(settings, "small")[0].state) == (2, "active")
    report = run(settings, "small", on_tick=lambda _: None, planner=cheap_planner)
    assert (report.state, report.experiments_done) == ("finished", 6)


@pytest.mark.usefixtures("laboratory")
def test_a_budget_below_an_initial_design_is_taken_once_that_was_made(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="the budget of 2 experiments does not cover the initial design of 4; raise"):
        add(settings, tmp_path, budget={"experiments": 2})
    add(settings, tmp_path)
    once(settings)

    add(settings, tmp_path, budget={"experiments": 2})

    assert once(settings).reason.startswith("the budget of 2 experiments is spent")


@pytest.mark.usefixtures("laboratory")
def test_so_it_is_of_a_classical_design_whose_size_follows_from_the_space(settings: Settings, tmp_path: Path) -> None:
    factorial = {"surrogate": "random", "batch": 3, "initial": {"design": "factorial"}}
    space = {"solvent": {"type": "category", "options": ["water", "DMF", "MeCN"]}}
    with pytest.raises(SpecError, match="the factorial design has 3 experiments and the budget 2; raise"):
        add(settings, tmp_path, space=space, planner=factorial, budget={"experiments": 2})
    add(settings, tmp_path, space=space, planner=factorial)
    once(settings)

    add(settings, tmp_path, space=space, planner=factorial, budget={"experiments": 2})

    assert once(settings).reason.startswith("the budget of 2 experiments is spent")


@pytest.mark.usefixtures("laboratory")
def test_a_campaign_keeps_the_five_that_it_began_with_before_they_were_a_batch(
    settings: Settings, tmp_path: Path
) -> None:
    planner = {"surrogate": "random", "batch": 7}
    add(settings, tmp_path, planner=planner | {"initial": {"experiments": 5}})  # as records had it
    once(settings)

    add(settings, tmp_path, planner=planner)

    assert status(settings, "small")[0].version == 1
    add(settings, tmp_path, planner=planner, budget={"experiments": 20})
    with open_ledger(settings.database) as ledger:
        assert ledger.campaign("small").spec["planner"]["initial"]["experiments"] == 5


def test_one_that_has_not_begun_takes_up_a_whole_batch(settings: Settings, tmp_path: Path) -> None:
    planner = {"surrogate": "random", "batch": 7}
    add(settings, tmp_path, planner=planner | {"initial": {"experiments": 5}})

    add(settings, tmp_path, planner=planner)

    with open_ledger(settings.database) as ledger:
        assert "experiments" not in ledger.campaign("small").spec["planner"]["initial"]


def test_a_name_that_differs_in_capitals_only_is_refused(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    for opened in (add, preview_of):
        with pytest.raises(SpecError, match=r"campaign 'Small': the record has 'small', .*; write campaign: small to"):
            opened(settings, tmp_path, campaign="Small")
    assert add(settings, tmp_path) == "small"
    assert add(settings, tmp_path, campaign="smaller") == "smaller"
    assert not settings.folder("Small").exists()


def preview_of(settings: Settings, folder: Path, **changes: Any) -> None:
    """What ``hakken run --dry-run FILE`` looks at."""
    path = folder / "preview.yaml"
    path.write_text(json.dumps(spec_of(**changes)), encoding="utf-8")
    preview_file(settings, path, planner=cheap_planner)


def test_a_campaign_file_may_lie_in_a_folder_whose_name_is_no_utf8(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path / "caf\udce9", budget={"experiments": 4})

    assert campaign_file(settings, "small") == tmp_path / "caf\udce9" / "campaign.yaml"


def test_a_key_that_a_later_release_writes_besides_makes_no_new_version(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, budget={"experiments": 4})
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        earlier = json.loads(json.dumps(ledger.campaign("small").spec))
        del earlier["planner"]["mode"], earlier["description"]
        ledger.open_campaign("small", earlier, by="tester")  # as a release wrote it that had no such keys

    add(settings, tmp_path, budget={"experiments": 4})

    with open_ledger(settings.database) as ledger:
        after = ledger.campaign("small")
    assert (after.version, after.state.value, after.spec) == (2, "finished", earlier)


@pytest.mark.usefixtures("laboratory")
def test_a_spec_changed_while_a_round_is_planned_leaves_it_to_the_next_pass(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    fewer = spec_of()["planner"] | {"initial": {"design": "random", "experiments": 3}}

    def slow_planner(*args: Any, **keywords: Any) -> Any:
        add(settings, tmp_path, planner=fewer)
        return cheap_planner(*args, **keywords)

    dropped = tick(settings, "small", planner=slow_planner)

    assert (dropped.round, dropped.sent, dropped.proposed) == (0, 0, ())
    assert "round 1: the spec was changed while it was planned" in " ".join(dropped.notes)
    assert len(once(settings).proposed) == 3
    assert [n[2] for n in story_of(settings).notes] == [2]


def test_a_space_widened_while_it_is_found_exhausted_does_not_end_the_campaign(
    settings: Settings, tmp_path: Path
) -> None:
    def slow_planner(*_args: Any, **_keywords: Any) -> Any:
        add(settings, tmp_path, space={"solvent": {"type": "category", "options": list("abcdef")}})
        raise PoolExhausted("every candidate was tried")

    add(settings, tmp_path, space={"solvent": {"type": "category", "options": list("ab")}})

    assert tick(settings, "small", planner=slow_planner).state == "active"
    assert len(once(settings).proposed) == 4


def test_a_change_after_which_old_results_mean_something_else_is_refused(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={**spec_of()["space"], "room": {"type": "context", "unit": "degC"}})
    tell(settings, "small", write(tmp_path, HEADER + "water,DBU,1,10,,,\n"), by="tester")

    with pytest.raises(SpecError, match="target 'yield' has results in '%' on record and is in '' now"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"}})
    with pytest.raises(SpecError, match="results on record are of target 'yield', and none has a value of 'product'"):
        add(settings, tmp_path, objective={"product": {"goal": "maximize", "unit": "%"}})
    with pytest.raises(SpecError, match="parameter 'room' has results in 'degC' on record and is in 'K' now"):
        add(settings, tmp_path, space={**spec_of()["space"], "room": {"type": "context", "unit": "K"}})
    with pytest.raises(SpecError, match=r"the changed space no longer reads observation .* no option 'water'"):
        add(settings, tmp_path, space={**spec_of()["space"], "solvent": {"type": "category", "options": ["DMF"]}})
    known = (
        "hakken export small small.csv, a column of it there, and hakken tell FILE.yaml small.csv make these results"
    )
    with pytest.raises(
        SpecError, match=rf"say what it was, such as earlier: 1; else .* memory: \[small\] it learns .*, and {known}"
    ):
        add(settings, tmp_path, space={**spec_of()["space"], "hours": {"type": "number", "values": [1, 4]}})
    renamed = {"rung" if name == "step" else name: p for name, p in spec_of()["space"].items()}
    with pytest.raises(SpecError, match="where rung is step under another name, keep its name, or give the campaign"):
        add(settings, tmp_path, space=renamed)
    assert status(settings, "small")[0].version == 1


def test_what_the_file_in_force_cannot_read_stands_against_no_other_change(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, laboratory={"adapter": "ask_tell"})
    given = ask(settings, "small", 4, request="a", by="robot", planner=cheap_planner).experiments
    gone, *others = dict.fromkeys(str(one.settings["solvent"]) for one in given)
    left = spec_of()["space"] | {"solvent": {"type": "category", "options": others}}
    add(settings, tmp_path, laboratory={"adapter": "ask_tell"}, space=left)
    for one in given:
        tell_result(settings, "small", one.key, measured(50.0), by="robot")

    add(settings, tmp_path, laboratory={"adapter": "ask_tell"}, space=left, budget={"experiments": 15})
    still_less = left | {"solvent": {"type": "category", "options": ["THF", *others[1:]]}}
    with pytest.raises(SpecError, match=rf"observation .* \({others[0]}, .* no option '{others[0]}'") as refused:
        add(settings, tmp_path, laboratory={"adapter": "ask_tell"}, space=still_less)

    assert status(settings, "small")[0].budget == 15
    assert gone not in str(refused.value)


def test_an_option_of_which_nothing_ran_is_taken_out_and_nothing_is_missed(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    rows = "water,DBU,1,,,cannot,\nwater,DBU,2,,,consumable_missing,\nDMF,DBU,1,,,convergence_error,\nMeCN,DBU,1,5,,,\n"
    tell(settings, "small", write(tmp_path, HEADER + rows), by="tester")

    def without(gone: str) -> dict[str, Any]:
        options = [o for o in spec_of()["space"]["solvent"]["options"] if o != gone]
        return spec_of()["space"] | {"solvent": {"type": "category", "options": options}}

    with pytest.raises(SpecError, match=r"no longer reads observation .* no option 'DMF'"):
        add(settings, tmp_path, space=without("DMF"))
    add(settings, tmp_path, space=without("water"))

    assert not any("not used" in note for note in (*once(settings).notes, *best(settings, "small").notes))


def test_a_unit_is_kept_while_experiments_are_under_way_and_none_has_a_result(
    settings: Settings, tmp_path: Path
) -> None:
    manual = {"adapter": "manual"}
    add(settings, tmp_path, laboratory=manual)
    once(settings)

    with pytest.raises(SpecError, match="target 'yield' has experiments in '%' on record and is in 'g' now"):
        add(settings, tmp_path, laboratory=manual, objective={"yield": {"goal": "maximize", "unit": "g"}})


def test_a_unit_is_kept_while_proposals_wait_for_approval_or_decisions_name_its_numbers(
    settings: Settings, tmp_path: Path
) -> None:
    common: dict[str, Any] = {"laboratory": {"adapter": "manual", "approval": "person"}}

    def space(unit: str, smiles: str = "O") -> dict[str, Any]:
        solvent = {"type": "component", "options": {"water": smiles}}
        return {"solvent": solvent, "amount": {"type": "number", "values": [1, 2, 3, 4], "unit": unit}}

    add(settings, tmp_path, space=space("mg"), **common)
    once(settings)

    with pytest.raises(
        SpecError, match=r"'amount' has proposals that wait .*small 1 --refuse lets.* in 'mg' on record .* 'g' now"
    ):
        add(settings, tmp_path, space=space("g"), **common)
    with pytest.raises(SpecError, match=r"'water' of 'solvent' is O in the experiments on record and CO in"):
        add(settings, tmp_path, space=space("mg", "CO"), **common)
    approve(settings, "small", 1, refuse=True, by="tester")
    pin(settings, "small", ["solvent=water", "amount=4"], by="tester", why="as agreed")
    with pytest.raises(SpecError, match=r"'amount' has decision 1 .*lift small 1 takes it back.* in 'mg' on record"):
        add(settings, tmp_path, space=space("g"), **common)
    lift(settings, "small", 1, by="tester", why="not agreed")
    add(settings, tmp_path, space=space("g"), **common)
    assert status(settings, "small")[0].version == 2


def test_a_target_that_was_left_out_comes_back_in_the_unit_of_its_results(settings: Settings, tmp_path: Path) -> None:
    purity = {"purity": {"goal": "maximize"}}
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "unit": "%"}} | purity)
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield,purity\nwater,DBU,1,10,3\n"), by="tester")
    add(settings, tmp_path, objective=purity)

    with pytest.raises(SpecError, match="target 'yield' has results in '%' on record and is in 'mg' now"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize", "unit": "mg"}} | purity)


def test_of_several_versions_that_had_a_target_the_last_one_says_its_unit(settings: Settings, tmp_path: Path) -> None:
    def targets(*names: str, unit: str) -> dict[str, Any]:
        return {name: {"goal": "maximize", "unit": unit} for name in names}

    add(settings, tmp_path, objective=targets("yield", "purity", unit="mg"))  # in which nothing was ever told
    add(settings, tmp_path, objective=targets("yield", "purity", unit="%"))
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield,purity\nwater,DBU,1,10,3\n"), by="tester")
    add(settings, tmp_path, objective=targets("purity", unit="%"))

    with pytest.raises(SpecError, match="target 'yield' has results in '%' on record and is in 'mg' now"):
        add(settings, tmp_path, objective=targets("yield", unit="mg") | targets("purity", unit="%"))
    add(settings, tmp_path, objective=targets("yield", "purity", unit="%"))
    assert status(settings, "small")[0].version == 4


def test_what_is_recorded_beside_results_comes_back_in_its_unit(settings: Settings, tmp_path: Path) -> None:
    def space(unit: str) -> dict[str, Any]:
        return {**spec_of()["space"], "humidity": {"type": "context", "unit": unit}}

    add(settings, tmp_path, space=space("%"))
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield,humidity\nwater,DBU,1,10,40\n"), by="tester")
    add(settings, tmp_path)

    with pytest.raises(SpecError, match="parameter 'humidity' has results in '%' on record and is in 'g/L' now"):
        add(settings, tmp_path, space=space("g/L"))
    add(settings, tmp_path, space=space("%"))
    assert status(settings, "small")[0].version == 3


def test_a_number_that_is_made_a_class_is_told_apart_from_another_unit(settings: Settings, tmp_path: Path) -> None:
    number, classes = {"goal": "maximize", "unit": "%"}, {"goal": "maximize", "classes": ["no", "yes"]}
    add(settings, tmp_path, objective={"yield": number})
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield\nwater,DBU,1,10\n"), by="tester")

    with pytest.raises(SpecError, match=r"has results as a number in '%' on record and is told as one of no, yes now;"):
        add(settings, tmp_path, objective={"yield": classes})
    add(settings, tmp_path, campaign="other", objective={"yield": classes})
    tell(settings, "other", write(tmp_path, "solvent,base,step,yield\nwater,DBU,1,yes\n"), by="tester")
    with pytest.raises(SpecError, match=r"has results as one of no, yes on record and is told as a number in '%' now"):
        add(settings, tmp_path, campaign="other", objective={"yield": number})


def test_what_failed_is_no_result_in_a_unit(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "unit": "%"}})
    failed = "solvent,base,step,yield,outcome\nwater,DBU,1,,instrument_fault\n"
    tell(settings, "small", write(tmp_path, failed), by="tester")

    with pytest.raises(SpecError, match=r"target 'yield' has experiments in '%' on record and is in 'mg' now"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize", "unit": "mg"}})


def test_another_tautomer_of_an_option_is_the_same_substance(settings: Settings, tmp_path: Path) -> None:
    def base(smiles: str) -> dict[str, Any]:
        return {"base": {"type": "component", "options": {"pyridone": smiles, "DBU": "C1CCC2=NCCCN2CC1"}}}

    add(settings, tmp_path, space=base("O=c1cccc[nH]1"))
    tell(settings, "small", write(tmp_path, "base,yield\npyridone,10\n"), by="tester")

    add(settings, tmp_path, space=base("Oc1ccccn1"))

    assert status(settings, "small")[0].version == 2
    with pytest.raises(SpecError, match="'pyridone' of 'base' is Oc1ccccn1 in the experiments on record and Oc1cccnc1"):
        add(settings, tmp_path, space=base("Oc1cccnc1"))


def test_a_result_that_comes_while_a_changed_file_is_looked_at_counts_in_that(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    file = write(tmp_path, HEADER + "water,DBU,1,10,,,\n")

    def look(*_: object) -> None:
        tell(settings, "small", file, by="another")

    monkeypatch.setattr(campaigns, "check_laboratory", look)

    with pytest.raises(SpecError, match="target 'yield' has results in '%' on record and is in '' now"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"}})
    assert status(settings, "small")[0].version == 1


@pytest.mark.parametrize(
    ("was", "told", "now", "says"),
    [
        ({"classes": ["dead", "alive"]}, "alive", {"classes": ["alive", "dead"]}, "were 'alive' and would be 'dead'"),
        (
            {"levels": ["poor", "fair", "good"]},
            "fair",
            {"levels": ["awful", "poor", "fair", "good"]},
            "keep 2 for fair",
        ),
        ({"levels": ["poor", "fair", "good"]}, "good", {"levels": [1, 2]}, "are good, which is none of 1, 2"),
        ({}, "0.5", {"classes": ["dead", "alive"]}, "are 0.5, which is none of dead, alive"),
        (
            {"levels": ["poor", "fair", "good"]},
            "good",
            {"levels": ["awful", "poor", "fair"]},
            "would be 'fair'; keep 3",
        ),
    ],
)
def test_words_that_results_on_record_would_lose_are_refused(
    settings: Settings, tmp_path: Path, was: dict[str, Any], told: str, now: dict[str, Any], says: str
) -> None:
    add(settings, tmp_path, objective={"yield": {"goal": "maximize"} | was})
    tell(settings, "small", write(tmp_path, f"solvent,base,step,yield\nwater,DBU,1,{told}\n"), by="tester")

    with pytest.raises(SpecError, match=rf"target 'yield' has results on record that .*{says}.*another name"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"} | now})


def test_words_that_were_left_out_do_not_come_back_for_other_levels(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "levels": ["awful", "poor", "fair"]}})  # unused
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "levels": ["poor", "fair", "good"]}})
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield\nwater,DBU,1,fair\n"), by="tester")
    add(settings, tmp_path, objective={"yield": {"goal": "maximize"}})

    with pytest.raises(SpecError, match="were 'fair' and would be 'poor'; keep 2 for fair"):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize", "levels": ["awful", "poor", "fair"]}})
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "levels": ["poor", "fair", "good"]}})
    assert status(settings, "small")[0].version == 4


def test_levels_may_be_added_and_renamed_where_each_keeps_its_number(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, objective={"yield": {"goal": "maximize", "levels": ["poor", "fair", "good"]}})
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield\nwater,DBU,1,fair\n"), by="tester")

    for levels in (
        {"levels": ["poor", "fair", "good", "best"]},
        {"levels": ["bad", "medium", "good"]},
        {"levels": ["poor", "fair", "good"]},
        {"levels": [0, 1, 2, 3], "words": ["awful", "poor", "fair", "good"]},
        {"levels": [1, 2, 3]},
        {},
    ):
        add(settings, tmp_path, objective={"yield": {"goal": "maximize"} | levels})

    assert status(settings, "small")[0].version == 7


def test_a_unit_that_nobody_means_is_refused_in_a_file_and_a_table_and_a_record_that_has_it_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    def space(unit: str, high: int = 9) -> dict[str, Any]:
        return {"volume": {"type": "number", "low": 1, "high": high, "step": 1, "unit": unit}}

    with pytest.raises(
        SpecError, match=r"campaign.yaml line \d+: space.volume.unit: unit 'ML' is read as megaliter, .*; write 'mL'"
    ):
        add(settings, tmp_path, space=space("ML"))
    add(settings, tmp_path, space=space("mL"))
    refused = tell(settings, "small", write(tmp_path, "volume [ML],yield\n5,10\n"), by="tester")
    assert refused.accepted == 0
    assert "column 'volume [ML]': unit 'ML' is read as megaliter" in " ".join(refused.problems)
    with open_ledger(settings.database) as ledger:  # as an earlier release took it
        earlier = json.loads(json.dumps(ledger.campaign("small").spec))
        earlier["space"]["volume"]["unit"] = "ML"
        ledger.open_campaign("small", earlier, by="tester")

    add(settings, tmp_path, space=space("ML", 20))
    told = tell(settings, "small", write(tmp_path, "volume [ML],yield\n5,10\n"), by="tester")

    assert (status(settings, "small")[0].version, told.accepted) == (3, 1)
    assert len(once(settings).proposed) == 3


LIGANDS = {"XPhos": "CC(C)c1cccc(C(C)C)c1", "KOAc": "CC(=O)O[K]", "none": None}


@pytest.mark.parametrize(
    ("was", "used", "now", "says"),
    [
        (
            {"type": "component", "options": LIGANDS},
            {"solvent": "XPhos"},
            {"type": "component", "options": LIGANDS | {"XPhos": "CCCO"}},
            r"'XPhos' of 'solvent' is CC\(C\)c1cccc\(C\(C\)C\)c1 in .* and CCCO in .*give CCCO a name of its own",
        ),
        (
            {"type": "component", "options": LIGANDS},
            {"solvent": "none"},
            {"type": "component", "options": LIGANDS | {"none": "CCCO"}},
            "'none' of 'solvent' is nothing in .* and CCCO in",
        ),
        (
            {"type": "molecule", "name": "name", "options": {"a": "CCO", "b": "CCN"}},
            {"solvent": "b"},
            {"type": "molecule", "name": "name", "options": {"a": "CCN", "b": "CCO"}},
            "'b' of 'solvent' is CCN in .* and CCO in",
        ),
        (
            {"type": "mixture", "parts": {"water": "O", "ethanol": "CCO"}},
            {"solvent.water": "0.5", "solvent.ethanol": "0.5"},
            {"type": "mixture", "parts": {"water": "O", "ethanol": "CO"}},
            "'ethanol' of 'solvent' is CCO in .* and CO in",
        ),
        (
            {"type": "products", "reaction": "[N:1].[C:2]Br>>[N:1][C:2]", "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"m": "CBr", "e": "CCBr"}}}},
            {"solvent.amine": "a", "solvent.bromide": "m"},
            {"type": "products", "reaction": "[N:1].[C:2]Br>>[N:1][C:2]", "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"m": "CCCBr", "e": "CCBr"}}}},
            "'m' of 'solvent.bromide' is CBr in .* and CCCBr in",
        ),
    ],
)  # fmt: skip
def test_another_structure_of_an_option_with_results_is_refused(
    settings: Settings, tmp_path: Path, was: dict[str, Any], used: dict[str, str], now: dict[str, Any], says: str
) -> None:
    add(settings, tmp_path, space={"solvent": was})
    table = ",".join([*used, "yield"]) + "\n" + ",".join([*used.values(), "10"]) + "\n"
    tell(settings, "small", write(tmp_path, table), by="tester")

    with pytest.raises(SpecError, match=f"campaign 'small': {says}.*give the campaign another name and tell it"):
        add(settings, tmp_path, space={"solvent": now})
    assert status(settings, "small")[0].version == 1


def test_a_structure_is_written_otherwise_added_or_changed_where_nothing_was_measured(
    settings: Settings, tmp_path: Path
) -> None:
    names = [{"solvent": {"type": "category", "options": list(LIGANDS)}}]
    options = [LIGANDS, LIGANDS | {"KOAc": "[K+].CC([O-])=O"}, LIGANDS | {"XPhos": "CCCO"}, LIGANDS | {"new": "CCN"}]
    spaces = [*names, *({"solvent": {"type": "component", "options": some}} for some in options), *names]
    add(settings, tmp_path, space=spaces[0])
    tell(settings, "small", write(tmp_path, "solvent,yield\nKOAc,10\nnone,20\n"), by="tester")

    for space in spaces:
        add(settings, tmp_path, space=space)

    assert status(settings, "small")[0].version == 6


def test_of_a_molecule_that_was_not_varied_before_nothing_says_what_it_was(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    tell(settings, "small", write(tmp_path, "solvent,base,step,yield\nwater,DBU,1,10\n"), by="tester")
    write(tmp_path, "name,smiles\na,CCN\nb,CCC\n", "library.csv")
    ligand = {"type": "molecule", "file": "library.csv", "name": "name"}

    with pytest.raises(SpecError, match="nothing says what ligand was before, so leave it out; else give the campaign"):
        add(settings, tmp_path, space={**spec_of()["space"], "ligand": ligand})


def test_what_another_way_of_standardising_makes_of_a_library_is_taken_and_another_molecule_refused(
    settings: Settings, tmp_path: Path
) -> None:
    def library(first: str, **more: Any) -> dict[str, Any]:
        write(tmp_path, f"name,smiles\na,{first}\nb,CCC\n", "library.csv")
        return {"solvent": {"type": "molecule", "file": "library.csv", "name": "name", **more}}

    add(settings, tmp_path, space=library("CCN.Cl"))
    tell(settings, "small", write(tmp_path, "solvent,yield\na,10\n"), by="tester")

    add(settings, tmp_path, space=library("CCN.Cl", standardise={"salts": "strip"}))
    with pytest.raises(SpecError, match=r"'a' of 'solvent' is CCN in .* and CCO in"):
        add(settings, tmp_path, space=library("CCO", standardise={"salts": "strip"}))

    assert status(settings, "small")[0].version == 2


@pytest.mark.usefixtures("laboratory")
def test_another_structure_of_what_is_at_work_is_refused_and_the_one_on_record_taken_back(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = ({"solvent": {"type": "component", "options": {"a": c, "b": "CCN"}}} for c in ("CCO", "CCCO"))
    add(settings, tmp_path, space=first)
    once(settings)
    with pytest.raises(SpecError, match="'a' of 'solvent' is CCO in the experiments on record and CCCO in"):
        add(settings, tmp_path, space=second)
    with open_ledger(settings.database) as ledger:  # as an earlier release believed it
        spec = json.loads(json.dumps(ledger.campaign("small").spec))
        spec["space"]["solvent"]["options"]["a"] = "CCCO"
        ledger.open_campaign("small", spec, by="tester")

    add(settings, tmp_path, space=first)

    assert status(settings, "small")[0].version == 3


REACTION = "[N:1].[C:2]Br>>[N:1][C:2]"


@pytest.mark.parametrize(
    ("was", "without", "now", "says"),
    [
        (
            {"type": "component", "options": {"a": "CCO"}},
            {"type": "component", "options": {"b": "CCN"}},
            {"type": "component", "options": {"a": "CCCO", "b": "CCN"}},
            "'a' of 'solvent' is CCO in .* and CCCO in",
        ),
        (
            {"type": "products", "reaction": REACTION, "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"m": "CBr"}}}},
            {"type": "products", "reaction": REACTION, "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"e": "CCBr"}}}},
            {"type": "products", "reaction": REACTION, "reagents": {
                "amine": {"options": {"a": "CN"}}, "bromide": {"options": {"m": "CCCBr", "e": "CCBr"}}}},
            "'a [+] m' of 'solvent' is CNC in .* and CCCNC in",
        ),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("laboratory")
def test_what_is_at_work_and_was_taken_out_does_not_come_back_as_another_substance(
    settings: Settings, tmp_path: Path, was: dict[str, Any], without: dict[str, Any], now: dict[str, Any], says: str
) -> None:
    add(settings, tmp_path, space={"solvent": was})
    once(settings)
    add(settings, tmp_path, space={"solvent": without})

    with pytest.raises(SpecError, match=says):
        add(settings, tmp_path, space={"solvent": now})
    add(settings, tmp_path, space={"solvent": was})

    assert status(settings, "small")[0].version == 3


@pytest.mark.usefixtures("laboratory")
def test_the_laboratory_is_not_changed_while_it_has_attempts(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    once(settings)

    for changed, what in (
        ({"adapter": "manual"}, "the laboratory cannot be changed while 4 attempts are with 'simulated'"),
        ({"adapter": "simulated", "noise": 2.0}, r"the laboratory's options \(noise\) cannot be changed"),
    ):
        with pytest.raises(
            SpecError, match=f"{what}.*hakken stop small.*hakken tick small.*hakken resolve.*hakken resume small"
        ):
            add(settings, tmp_path, laboratory=changed)
    with pytest.raises(UnknownName, match=r"unknown adapter 'manul'.*did you mean 'manual'"):
        add(settings, tmp_path, laboratory={"adapter": "manul"})
    assert status(settings, "small")[0].version == 1
    add(settings, tmp_path, laboratory={"adapter": "simulated", "approval": "person"})  # concerns what is not sent yet
    add(settings, tmp_path, budget={"experiments": 4})
    once(settings)

    add(settings, tmp_path, laboratory={"adapter": "manual"})

    assert status(settings, "small")[0].version == 4


@pytest.mark.usefixtures("laboratory")
def test_a_single_attempt_stands_against_another_laboratory_too(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, planner={"batch": 1, "initial": {"experiments": 1}})
    once(settings)

    with pytest.raises(SpecError, match="the laboratory cannot be changed while 1 attempt is with 'simulated'"):
        add(settings, tmp_path, laboratory={"adapter": "manual"}, planner={"batch": 1, "initial": {"experiments": 1}})


def test_what_was_believed_before_the_file_asked_for_something_else_says_so(settings: Settings, tmp_path: Path) -> None:
    plain = {"planner": {"surrogate": "gp", "batch": 2, "initial": {"experiments": 4}}, "budget": {"experiments": 6}}
    add(settings, tmp_path, **plain)
    run(settings, "small", on_tick=lambda _: None)
    add(settings, tmp_path, **plain | {"budget": {"experiments": 8}})  # goes on with the same question
    assert status(settings, "small")[0].planned == "when round 2 was planned"

    asked = spec_of()
    asked["space"]["step"]["values"] += [6, 7]
    asked["objective"]["yield"]["at_least"] = 1
    add(settings, tmp_path, **plain | {"space": asked["space"], "objective": asked["objective"]})

    standing = status(settings, "small")[0]
    assert standing.regret != ""
    assert standing.planned == "when round 2 was planned, before space and objective changed"
    with open_ledger(settings.database) as ledger:
        assert build(ledger, "small").head.regret_when == standing.planned
