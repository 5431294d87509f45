"""Results as reactions of the Open Reaction Database: sound by its own checks, and the same when they are imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.engine import ask, tell, tell_result
from flows.exporting import ord as exporting
from flows.exporting.ord import OrdError, export_ord
from flows.exporting.paths import ExportError
from flows.importing import Source, read_foreign
from flows.settings import Settings
from loop.errors import NotFound
from tests.flows.engine.bench import add, cheap_planner, measured, write

pytest.importorskip("ord_schema")

SPACE: dict[str, Any] = {
    "ligand": {"type": "component", "options": {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "none": None}},
    "solvent": {"type": "component", "options": {"THF": "C1CCOC1", "DMF": "CN(C)C=O"}},
    "base": {"type": "category", "options": ["KOAc", "DBU"]},
    "atmosphere": {"type": "category", "options": ["air", "N2"]},
    "temperature": {"type": "number", "low": 20, "high": 120, "unit": "degC"},
    "time": {"type": "number", "values": [2, 8], "unit": "h"},
    "loading": {"type": "number", "values": [1, 2.5, 5], "unit": "mol%"},
}
ADA = "Ada <ada@example.org>"
OBJECTIVE = {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}}
HEADER = "ligand,solvent,base,atmosphere,temperature,time,loading,yield,yield sd,outcome,comment\n"
ROWS = (
    "PPh3,THF,KOAc,air,60,2,2.5,71.5,0.5,,turned brown\n"
    "none,DMF,DBU,N2,80.5,8,1,<2,,,\n"
    "PPh3,DMF,KOAc,N2,100,8,5,,,negative,no conversion\n"
    "PPh3,THF,DBU,air,40,2,1,,,fault:instrument_fault,needle\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", by="ada")


@pytest.fixture
def told(settings: Settings, tmp_path: Path) -> Settings:
    """A campaign with a value, a limit, a negative and a fault."""
    add(settings, tmp_path, space=SPACE, objective=OBJECTIVE, description="A coupling.")
    report = tell(settings, "small", write(tmp_path, HEADER + ROWS), by="ada")
    assert (report.accepted, report.problems) == (4, [])
    return settings


def exported(settings: Settings, path: Path, **more: Any) -> Any:
    """The dataset of a .pb file."""
    export_ord(settings, "small", path, by=ADA, **more)
    return dataset_in(path)


def dataset_in(path: Path) -> Any:
    from ord_schema.proto import dataset_pb2  # not where tests are collected: sila2 has to be loaded before it

    return dataset_pb2.Dataset.FromString(path.read_bytes())


def test_each_result_is_a_reaction_and_faults_are_none(told: Settings, tmp_path: Path) -> None:
    written = export_ord(told, "small", tmp_path / "r.pb", by="Ada Lovelace <ada@example.org>")
    dataset = dataset_in(tmp_path / "r.pb")
    from ord_schema.proto import reaction_pb2

    assert (written.reactions, len(dataset.reactions)) == (3, 3)
    assert dataset.description == "A coupling. 3 results, 1 of them negative; written by hakken."
    first = dataset.reactions[0]
    assert set(first.inputs) == {"ligand", "solvent", "base"}
    ligand = first.inputs["ligand"].components[0]
    assert {(i.type, i.value) for i in ligand.identifiers} == {
        (reaction_pb2.CompoundIdentifier.NAME, "PPh3"),
        (reaction_pb2.CompoundIdentifier.SMILES, "c1ccc(P(c2ccccc2)c2ccccc2)cc1"),
    }
    assert ligand.reaction_role == reaction_pb2.ReactionRole.CATALYST
    assert ligand.amount.unmeasured.details == "the amount is not recorded"
    assert (first.conditions.temperature.setpoint.value, first.outcomes[0].reaction_time.value) == (60.0, 2.0)
    assert first.provenance.reaction_metadata["setting loading"].float_value == 2.5
    assert first.provenance.reaction_metadata["setting loading"].description == "mol%"
    assert first.provenance.record_created.person.email == "ada@example.org"
    assert first.notes.procedure_details == "atmosphere air; loading 2.5 mol%; turned brown"
    measurement = first.outcomes[0].products[0].measurements[0]
    assert measurement.percentage.value == 71.5
    assert measurement.percentage.precision == 0.5
    assert "ligand" not in dataset.reactions[1].inputs
    assert dataset.reactions[1].outcomes[0].products[0].measurements[0].string_value == "<2"
    assert "negative: no conversion" in dataset.reactions[2].notes.procedure_details
    said = " ".join(written.notes)
    assert "1 result left out: faults" in said
    assert "amounts are not recorded" in said
    assert "atmosphere, loading: no condition of the schema" in said


@pytest.mark.parametrize("ending", exporting.ENDINGS)
def test_what_is_imported_again_is_the_same(told: Settings, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"reactions{ending}"
    export_ord(told, "small", path, by=ADA)

    foreign = read_foreign(Source(path, path.read_bytes(), {"yield": "maximize"}))

    assert {p.name for p in foreign.parameters} == set(SPACE)
    by_place = [
        (dict(r.settings), {t: (v.value, v.sd, v.qualifier) for t, v in r.readings.items()}) for r in foreign.results
    ]
    assert by_place[0][0] == {
        "ligand": "PPh3", "solvent": "THF", "base": "KOAc", "atmosphere": "air", "temperature": 60.0, "time": 2.0,
        "loading": 2.5,
    }  # fmt: skip
    assert by_place[0][1] == {"yield": (71.5, 0.5, "")}
    assert by_place[1][0]["ligand"] == "none"
    assert by_place[1][1] == {"yield": (2.0, None, "<")}
    assert (foreign.results[2].outcome, foreign.results[2].comment) == ("negative", "no conversion")


def test_parts_of_a_mixture_are_in_it_as_far_as_they_are(settings: Settings, tmp_path: Path) -> None:
    space = {
        "solvents": {"type": "mixture", "parts": {"water": "O", "EtOH": "CCO", "DMSO": "CS(C)=O"}, "step": 0.25},
        "additive": {"type": "component", "options": {"LiCl": "[Li+].[Cl-]", "none": None}},
    }
    add(settings, tmp_path, space=space, objective=OBJECTIVE)
    rows = "solvents.water,solvents.EtOH,solvents.DMSO,additive,yield\n0.25,0.75,0,LiCl,40\n0,0,1,none,20\n"
    tell(settings, "small", write(tmp_path, rows), by="ada")
    path = tmp_path / "r.pb"

    first, second = exported(settings, path).reactions

    assert set(first.inputs) == {"solvents.water", "solvents.EtOH", "additive"}
    assert set(second.inputs) == {"solvents.DMSO"}
    ethanol = first.inputs["solvents.EtOH"].components[0]
    assert ethanol.amount.unmeasured.details == "0.75 of solvents, whose amount is not recorded"
    assert [i.value for i in ethanol.identifiers] == ["EtOH", "CCO"]
    again = read_foreign(Source(path, path.read_bytes(), {"yield": "maximize"}))
    said = [sorted(r.settings.values(), key=str) for r in again.results]
    assert said == [[0.0, 0.25, 0.75, "LiCl"], [0.0, 0.0, 1.0, "none"]]
    parts = dict.fromkeys(("solvents.DMSO", "solvents.EtOH", "solvents.water"), 1.0)
    assert [dict(rule.keys) for rule in again.constraints] == [{"sum": parts, "equals": 1.0}]


def test_targets_come_back_by_their_names(settings: Settings, tmp_path: Path) -> None:
    objective = {name: {"goal": "maximize", "unit": "%"} for name in ("yield", "ee", "mass balance", "assay")}
    add(settings, tmp_path, space={name: SPACE[name] for name in ("solvent", "temperature")}, objective=objective)
    rows = "solvent,temperature,yield,ee,mass balance,assay\nTHF,40,50,-12,98,90\nDMF,40,5,0,99,<2\n"
    tell(settings, "small", write(tmp_path, rows), by="ada")
    path = tmp_path / "r.pb"
    export_ord(settings, "small", path, by=ADA)

    again = read_foreign(Source(path, path.read_bytes(), dict.fromkeys(objective, "maximize")))

    first, second = ({name: (r.qualifier, r.value) for name, r in one.readings.items()} for one in again.results)
    assert first == {"yield": ("", 50.0), "ee": ("", -12.0), "mass balance": ("", 98.0), "assay": ("", 90.0)}
    assert second == {"yield": ("", 5.0), "ee": ("", 0.0), "mass balance": ("", 99.0), "assay": ("<", 2.0)}


def test_what_has_no_substance_in_it_is_left_out(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={name: SPACE[name] for name in ("ligand", "temperature")}, objective=OBJECTIVE)
    tell(settings, "small", write(tmp_path, "ligand,temperature,yield\nPPh3,40,50\nnone,40,5\n"), by="ada")

    written = export_ord(settings, "small", tmp_path / "r.pb", by=ADA)

    assert written.reactions == 1
    assert "1 result left out, with no substance in it; a recipe says what else goes in" in written.notes


def test_the_same_results_make_the_same_file(told: Settings, tmp_path: Path) -> None:
    for name in ("a.pb.gz", "b.pb.gz"):
        export_ord(told, "small", tmp_path / name, by=ADA)

    assert (tmp_path / "a.pb.gz").read_bytes() == (tmp_path / "b.pb.gz").read_bytes()


def test_the_product_has_the_structure_that_is_given(told: Settings, tmp_path: Path) -> None:
    dataset = exported(told, tmp_path / "r.pb", product="C(c1ccccc1)O")

    product = dataset.reactions[0].outcomes[0].products[0]
    assert [i.value for i in product.identifiers] == ["the desired product", "OCc1ccccc1"]


def test_with_a_recipe_amounts_are_those_that_are_dosed(settings: Settings, tmp_path: Path) -> None:
    recipe = {
        "vessel": {"holds": "1 mL"},
        "stocks": {
            "ArBr": {"smiles": "Brc1ccccc1", "concentration": "0.5 mol/L", "solvent": "DMSO"},
            "PPh3": {"smiles": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "solid": True, "additive": True},
            "PCy3": {"smiles": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1", "solid": True, "additive": True},
            "DMSO": {"smiles": "CS(C)=O"},
        },
        "limiting": {"of": "ArBr", "amount": "50 umol"},
        "steps": [
            {"dispense": "ArBr", "equivalents": 1},
            {"add": "ligand", "percent": 10},
            {"dispense": "DMSO", "volume": "200 uL"},
            {"heat": "temperature", "time": "2 h"},
        ],
    }
    space = {
        "ligand": {
            "type": "component",
            "options": {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "PCy3": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1"},
        },
        "temperature": {"type": "number", "low": 20, "high": 60, "unit": "degC"},
    }
    add(settings, tmp_path, space=space, recipe=recipe)
    tell(settings, "small", write(tmp_path, "ligand,temperature,yield\nPPh3,40,50\n"), by="ada")

    reaction = exported(settings, tmp_path / "r.pb").reactions[0]

    assert set(reaction.inputs) == {"ArBr", "PPh3", "DMSO"}
    halide, solvent = reaction.inputs["ArBr"].components
    assert (halide.amount.moles.value, solvent.amount.volume.value) == (50.0, 100.0)
    assert solvent.amount.volume_includes_solutes
    assert reaction.inputs["PPh3"].components[0].amount.mass.value == pytest.approx(1.311, abs=0.002)
    assert reaction.inputs["DMSO"].components[0].amount.volume.value == 200.0
    assert reaction.conditions.temperature.setpoint.value == 40.0
    assert reaction.outcomes[0].reaction_time.value == 7200.0
    assert "ArBr" in reaction.notes.procedure_details


def test_what_was_really_set_counts(settings: Settings, tmp_path: Path) -> None:
    space = {name: SPACE[name] for name in ("solvent", "base", "time")} | {
        "temperature": {**SPACE["time"], "unit": "degC"}
    }
    add(settings, tmp_path, space=space, objective=OBJECTIVE, laboratory={"adapter": "ask_tell"})
    one = ask(settings, "small", 1, request="a", by="ada", planner=cheap_planner).experiments[0]
    result = json.loads(measured(50.0)) | {"context": {"actual": {"temperature": 63}}}
    tell_result(settings, "small", one.key, json.dumps(result), by="ada")

    assert exported(settings, tmp_path / "r.pb").reactions[0].conditions.temperature.setpoint.value == 63.0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"by": "ada"}, "the name and the e-mail address of who gives it data: --by 'NAME <E-MAIL>', got 'ada'"),
        ({"by": "<ada@example.org>"}, "--by 'NAME <E-MAIL>', got '<ada@example.org>'"),
        ({"product": "C1CC"}, "--product: "),
        ({"name": "nothing"}, "has no result yet that is a reaction"),
        ({"path": "."}, "is a folder; name a file in it"),
        ({"path": "nowhere/r.pb"}, "is no folder; make it first"),
        ({"path": "there.pb"}, "is there already; name another file, or overwrite it (--overwrite)"),
    ],
)
def test_what_cannot_be_written_is_said(
    told: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    add(told, tmp_path / "nothing", campaign="nothing", space=SPACE, objective=OBJECTIVE)
    Path("there.pb").write_bytes(b"mine")
    path = Path(more.pop("path", "r.pb"))

    with pytest.raises(ExportError) as refused:
        export_ord(told, more.pop("name", "small"), path, **{"by": ADA, **more})  # type: ignore[arg-type]

    assert message in str(refused.value)
    assert not Path("r.pb").exists()
    assert Path("there.pb").read_bytes() == b"mine"


def test_a_campaign_without_substances_is_no_reaction(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={"x": {"type": "number", "low": 0, "high": 1}})
    tell(settings, "small", write(tmp_path, "x,yield\n0.5,50\n"), by="ada")

    with pytest.raises(OrdError, match="varies no substance"):
        export_ord(settings, "small", tmp_path / "r.pb", by=ADA)
    with pytest.raises(NotFound):
        export_ord(settings, "nobody", tmp_path / "r.pb", by=ADA)


def test_without_ord_schema_it_says_what_to_install(
    told: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting.Messages, "load", lambda: None)

    with pytest.raises(OrdError, match=r"pip install 'hakken\[ord\]'"):
        export_ord(told, "small", tmp_path / "r.pb", by=ADA)


def test_the_command_writes_them_and_says_what_is_not_there(
    hakken: Any, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    add(home, tmp_path, space=SPACE, objective=OBJECTIVE)
    tell(home, "small", write(tmp_path, HEADER + ROWS), by="ada")

    said = hakken("export", "small", "r.pbtxt", "--by", "Ada <ada@example.org>")
    table = hakken("export", "small", "r.csv", "--product", "CCO")
    again = hakken("import", "r.pbtxt", "--json")

    assert "wrote 3 reactions to r.pbtxt, which pass ord-schema's checks" in said.out
    assert "note: the product has a name and no structure" in said.out
    assert (table.code, "is for reactions" in table.err) == (2, True)
    assert again.code == 2  # the record has a campaign of that name
