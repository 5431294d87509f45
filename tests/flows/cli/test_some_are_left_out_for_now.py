"""What cannot be run for a while: all but some options are banned at once, and what was measured of them counts on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loop.policy.stopping import regret_settled
from loop.spec import read_spec

CAMPAIGN = """\
campaign: bench
space:
  ligand: {type: category, options: [A, B, C, D]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
planner: {surrogate: gp, batch: 2, initial: {experiments: 2}}
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
TOLD = "ligand,temperature,yield\nA,60,60\nA,80,75\nA,100,90\nB,60,10\nB,80,20\nD,60,30\n"


@pytest.fixture
def bench(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("bench.yaml").write_text(CAMPAIGN)
    Path("told.csv").write_text(TOLD)
    assert hakken("tell", "bench.yaml", "told.csv").code == 0
    return hakken


def next_batch(hakken: Any) -> tuple[set[str], str]:
    """The ligands of the next batch, and how it is told."""
    chosen = hakken("tick", "bench.yaml", "--dry-run", "--json").json["plan"]["proposals"]
    ligands = {p["candidate"]["settings"]["ligand"] for p in chosen}
    return ligands, " ".join(hakken("tick", "bench.yaml", "--dry-run").out.split())


def test_all_but_some_are_banned_those_of_later_files_too(bench: Any) -> None:
    said = bench("ban", "bench", "--where", "ligand!=B,C", "--why", "the others are not to be had")
    before, _ = next_batch(bench)
    Path("bench.yaml").write_text(CAMPAIGN.replace("[A, B, C, D]", "[A, B, C, D, E, F]"))
    after, told = next_batch(bench)

    assert said.code == 0, said.err
    assert before <= {"B", "C"}
    assert after <= {"B", "C"}
    assert "ligand other than B or C (the others are not to be had)" in told


@pytest.mark.parametrize(
    ("more", "best", "sentence"),
    [([], "20", "nothing untried is better"), (["--for-now"], "90", "nothing untried of what may run now is better")],
)
def test_what_was_measured_counts_on_of_what_is_left_out_for_now(
    bench: Any, more: list[str], best: str, sentence: str
) -> None:
    bench("ban", "bench", "--where", "ligand!=B,C", "--why", "stock", *more)
    ligands, told = next_batch(bench)
    marks = {float(part.split("(")[1].split(")")[0]) for part in told.split("the best believed so far ")[1:]}

    assert ligands <= {"B", "C"}
    assert all(abs(mark - float(best)) < 6.0 for mark in marks)
    assert len(marks) > 0
    assert sentence in told


def test_a_file_leaves_out_for_now_as_well(bench: Any) -> None:
    rule = "constraints: [{name: stock, exclude: {ligand: [A, D]}, for_now: true}]\n"
    Path("bench.yaml").write_text(CAMPAIGN.replace("objective:", rule + "objective:"))
    ligands, told = next_batch(bench)

    assert ligands <= {"B", "C"}
    assert "nothing untried of what may run now is better than A, temperature 100 degC" in told


def test_all_but_some_values_of_a_number_are_banned(bench: Any) -> None:
    bench("ban", "bench", "--where", "temperature!=70..90", "--where", "ligand!=B", "--for-now", "--why", "the bath")
    made = bench("decisions", "bench", "--json").json["decisions"][0]["decision"]["draft"]["region"]

    assert made["exclude"] == {"temperature": [60.0, 100.0], "ligand": ["A", "C", "D"]}
    assert "ligand other than B and temperature other than 80, for now" in " ".join(
        bench("decisions", "bench").out.split()
    )


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (["ligand!=E"], "parameter 'ligand' has no option 'E'"),
        (["ligand!=A,B,C,D"], "'ligand' has no value but those after !=; name fewer"),
        (
            ["temperature!=70"],
            "temperature = 70 is none of its values as the campaign file has it: 60, 80, 100",
        ),
        (["ligand=A", "ligand!=A"], "'ligand' has no value but those after !=; name fewer"),
    ],
)
def test_what_nothing_is_meant_by_is_refused(bench: Any, where: list[str], says: str) -> None:
    said = bench("ban", "bench", *(word for one in where for word in ("--where", one)), "--why", "x")

    assert said.code == 2
    assert says in said.err


def test_all_but_some_of_a_continuous_number_are_two_bans(bench: Any) -> None:
    text = CAMPAIGN.replace("campaign: bench", "campaign: flow").replace("values: [60, 80, 100]", "low: 20, high: 110")
    Path("flow.yaml").write_text(text)
    bench("tick", "flow.yaml")
    said = bench("ban", "flow", "--where", "temperature!=70..90", "--why", "the bath")

    assert said.code == 2
    assert "such as temperature<70 and, by another command, temperature>90" in said.err


def test_a_regret_ends_nothing_while_some_are_left_out_for_now() -> None:
    spec = read_spec(
        CAMPAIGN.replace("budget:", "stop: [{target: yield, regret: 5}]\nbudget:"),
        source="bench.yaml",
        read=lambda _: "",
    )
    told = {"incumbent": "A", "unit": "%", "checked": 100, "rules": [{"regret": 5.0, "delta": 0.05, "chance": 0.01}]}

    assert "nothing untried is believed to be better than A" in regret_settled(spec, told)
    assert regret_settled(spec, {**told, "narrowed": True}) == ""


def test_all_but_one_of_the_only_parameter_are_kept_as_that(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("  temperature: {type: number, values: [60, 80, 100], unit: degC}\n", "")
    Path("bench.yaml").write_text(text.replace("[A, B, C, D]", "[A, B]").replace("batch: 2", "batch: 1"))
    Path("told.csv").write_text("ligand,yield\nA,60\n")
    hakken("tell", "bench.yaml", "told.csv")
    hakken("ban", "bench", "--where", "ligand!=A", "--for-now", "--why", "stock")

    listed = " ".join(hakken("decisions", "bench").out.split())
    assert "ligand other than A, for now" in listed


def test_a_single_candidate_is_left_out_for_now_and_said_to_be(bench: Any) -> None:
    one = ("--where", "ligand=C", "--where", "temperature=100")
    said = bench("ban", "bench", *one, "--for-now", "--why", "stock")
    _, told = next_batch(bench)

    assert said.code == 0, said.err
    assert "C, temperature 100 degC, for now" in " ".join(bench("decisions", "bench").out.split())
    assert "nothing untried of what may run now is better" in told


@pytest.fixture
def shelf(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A campaign of four candidates, of which those of A were measured."""
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("[A, B, C, D]", "[A, B]").replace("[60, 80, 100]", "[60, 80]")
    Path("bench.yaml").write_text(text)
    Path("told.csv").write_text("ligand,temperature,yield\nA,60,60\nA,80,75\n")
    assert hakken("tell", "bench.yaml", "told.csv").code == 0
    return hakken


def test_a_campaign_waits_for_what_is_left_out_for_now_alone(shelf: Any) -> None:
    shelf("ban", "bench", "--where", "ligand=B", "--for-now", "--why", "ran out")
    dry = shelf("tick", "bench.yaml", "--dry-run")
    waits = shelf("run", "bench.yaml", "--json").json
    status = shelf("status", "bench").out
    shelf("lift", "bench", "1", "--why", "back")
    goes_on = shelf("tick", "bench.yaml", "--json").json

    way = "othing is left to try but 2 candidates left out for now; hakken lift bench 1 takes ban 1 back (ran out)"
    assert way in dry.err
    assert (waits["state"], waits["waits_for_person"]) == ("active", True)
    assert f"N{way}; then go on with hakken run" in waits["next_step"]
    assert f"N{way}" in " ".join(status.split())
    assert goes_on["round"] == 1


def test_no_pass_plans_in_vain_meanwhile(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf("ban", "bench", "--where", "ligand=B", "--for-now", "--why", "ran out")
    asked: list[int] = []
    monkeypatch.setattr("flows.engine.steps.planning.Inputs.plan", lambda self, _: asked.append(self.number))

    assert shelf("tick", "bench.yaml", "--json").json["waits_for_person"]
    assert asked == []


def test_it_waits_for_what_the_file_leaves_out_for_now_as_well(shelf: Any) -> None:
    text = Path("bench.yaml").read_text()
    rule = "constraints: [{name: stock, exclude: {ligand: [B]}, for_now: true}]\nobjective:"
    Path("bench.yaml").write_text(text.replace("objective:", rule))
    waits = shelf("tick", "bench.yaml", "--json").json
    Path("bench.yaml").write_text(text.replace("objective:", rule.replace(", for_now: true", "")))
    ends = shelf("tick", "bench.yaml", "--json").json

    assert waits["state"] == "active"
    assert "left out for now; without constraint 'stock' the campaign file has some again" in waits["next_step"]
    assert ends["state"] == "finished"


def test_it_ends_where_what_is_left_out_for_now_was_tried_or_refused_as_well(shelf: Any) -> None:
    shelf("ban", "bench", "--where", "ligand=A", "--for-now", "--why", "ran out")
    shelf("ban", "bench", "--where", "ligand=B", "--where", "temperature=60", "--why", "smells")
    shelf("ban", "bench", "--where", "ligand=B", "--where", "temperature=80", "--why", "smells")

    assert shelf("tick", "bench.yaml", "--json").json["state"] == "finished"


def test_replicates_come_before_the_waiting(shelf: Any) -> None:
    text = Path("bench.yaml").read_text().replace("planner: {", "planner: {replicates: planned, ")
    Path("bench.yaml").write_text(text)
    shelf("ban", "bench", "--where", "ligand=B", "--for-now", "--why", "ran out")
    waits = shelf("run", "bench.yaml", "--json").json
    said = " ".join(shelf("status", "bench").out.split())

    assert (waits["state"], waits["waits_for_person"]) == ("active", True)
    assert "plans replicates where they decide something; nothing is left to try but 2 candidates" in said


def test_of_a_fidelity_the_real_thing_is_waited_for(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cheaper versions of what cannot be measured now are left, and none of them is chosen."""
    monkeypatch.chdir(tmp_path)
    method = "  method: {type: fidelity, options: [calculated, measured], costs: {calculated: 1, measured: 10}}\n"
    Path("bench.yaml").write_text(CAMPAIGN.replace("space:\n", f"space:\n{method}"))
    rows = ("measured,A,60,60", "measured,B,80,75", "calculated,A,60,50", "calculated,B,80,70")
    Path("told.csv").write_text("\n".join(["method,ligand,temperature,yield", *rows]))
    hakken("tell", "bench.yaml", "told.csv")
    hakken("ban", "bench", "--where", "method=measured", "--for-now", "--why", "the oven is broken")
    waits = hakken("tick", "bench.yaml", "--json").json

    assert (waits["state"], waits["waits_for_person"]) == ("active", True)
    assert "but 10 candidates left out for now; hakken lift bench 1" in waits["next_step"]


def test_a_prediction_says_that_a_ban_is_for_now(bench: Any) -> None:
    bench("ban", "bench", "--where", "ligand=A", "--for-now", "--why", "ran out")
    said = bench("predict", "bench", "--where", "ligand=A", "--where", "temperature=60").out

    assert "it is kept out for now by ban 1 (ran out): hakken lift bench 1" in said


@pytest.mark.parametrize(
    ("where", "about"),
    [
        ("solvent=1,4-dioxane,THF", "solvent = 1,4-dioxane or THF"),
        ("solvent=THF, 1,2-DCE", "solvent = THF or 1,2-DCE"),
        ("solvent!=1,2-DCE,1,4-dioxane", "solvent other than 1,2-DCE or 1,4-dioxane"),
        ("solvent=1,2-DCE", "solvent = 1,2-DCE"),
    ],
)
def test_an_option_with_a_comma_may_stand_among_others(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, about: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("ligand: {", "solvent: {").replace("A, B, C", '"1,4-dioxane", "1,2-DCE", THF')
    Path("bench.yaml").write_text(text)
    hakken("tick", "bench.yaml")
    said = hakken("ban", "bench", "--where", where, "--for-now", "--why", "ran out")
    unknown = hakken("ban", "bench", "--where", "solvent=1,4-dioxan,THF", "--why", "ran out")

    assert said.code == 0, said.err
    assert f"{about}, for now" in " ".join(hakken("decisions", "bench").out.split())
    assert unknown.code == 2
    assert "has no option" in unknown.err
