"""Results as calculations in QCSchema: sound by its own models, and the same when they are told to another campaign."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

qcel = pytest.importorskip("qcelemental.models")
pytest.importorskip("tblite")

SPEC = """\
campaign: small
space: {molecule: {type: molecule, options: {water: O, methyl: "[CH3]", carbonate: "[O-]C(=O)[O-]"}}}
objective: {gap: {goal: minimize, unit: eV, exact: true}}
planner: {batch: 3, surrogate: tanimoto, initial: {experiments: 3}}
budget: {experiments: 3}
laboratory: {adapter: xtb}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)


@pytest.fixture
def ran(hakken: Any) -> Any:
    assert hakken("run", "small.yaml").code == 0
    return hakken


def calculations(path: str) -> dict[str, Any]:
    """Each by its molecule."""
    found = json.loads(Path(path).read_text())
    return {one["extras"]["hakken"]["settings"]["molecule"]: one for one in found}


def test_every_calculation_is_one_that_the_schema_takes(ran: Any) -> None:
    said = ran("export", "small", "out.qcschema.json", "--json")

    assert said.code == 0, said.err
    assert (said.json["calculations"], said.json["failures"], said.json["notes"]) == (3, 0, [])
    found = calculations("out.qcschema.json")
    water, methyl, carbonate = (qcel.AtomicResult(**found[name]) for name in ("water", "methyl", "carbonate"))
    assert water.molecule.symbols.tolist() == ["O", "H", "H"]
    assert water.molecule.measure([0, 1]) == pytest.approx(1.8, abs=0.15)  # bohr
    assert water.return_result == water.properties.return_energy == pytest.approx(-5.07, abs=0.01)  # hartree
    assert (water.model.method, water.model.basis, water.provenance.creator) == ("GFN2-xTB", None, "tblite")
    assert (methyl.molecule.molecular_charge, methyl.molecule.molecular_multiplicity) == (0, 2)
    assert (carbonate.molecule.molecular_charge, carbonate.molecule.molecular_multiplicity) == (-2, 1)
    beside = water.extras["hakken"]
    assert beside["values"]["gap"]["unit"] == "eV"
    assert beside["campaign"] == "small"


def test_calculations_are_told_to_a_campaign_by_structure_and_in_its_units(ran: Any) -> None:
    ran("export", "small", "out.qcschema.json.gz")
    Path("other.yaml").write_text(
        SPEC.replace("campaign: small", "campaign: other")
        .replace("gap: {goal: minimize, unit: eV, exact: true}", "energy: {goal: minimize, unit: eV}")
        .replace("methyl:", "radical:")
        .replace("adapter: xtb", "adapter: manual")
    )

    said, again = (ran("tell", "other.yaml", "out.qcschema.json.gz", "--json") for _ in range(2))
    ran("export", "other", "other.csv")

    assert said.code == 0, said.err
    assert (said.json["accepted"], again.json["accepted"], again.json["duplicates"]) == (3, 0, 3)
    header, *rows = (line.split(",") for line in Path("other.csv").read_text().splitlines())
    energies = {row[header.index("settings.molecule")]: row[header.index("results.energy.value")] for row in rows}
    hartree = {
        one["molecule"]["identifiers"]["smiles"]: one["return_result"]
        for one in json.loads(gzip.decompress(Path("out.qcschema.json.gz").read_bytes()))
    }
    assert float(energies["water"]) == pytest.approx(hartree["O"] * 27.2114, rel=1e-5)
    assert float(energies["radical"]) == pytest.approx(hartree["[CH3]"] * 27.2114, rel=1e-5)


def test_what_failed_is_a_failed_operation_and_stays_a_fault_when_it_is_told(hakken: Any) -> None:
    fails = "adapter: command, program: orca, command: [sh, -c, 'echo SCF NOT CONVERGED; exit 1']"
    Path("small.yaml").write_text(SPEC.replace("adapter: xtb", fails))
    assert hakken("run", "small.yaml").code != 2

    said = hakken("export", "small", "out.qcschema.json", "--json")

    assert said.code == 0, said.err
    assert said.json["calculations"] == 0
    assert said.json["failures"] >= 3
    one = qcel.FailedOperation(**json.loads(Path("out.qcschema.json").read_text())[0])
    assert one.error.error_type == "convergence_error"
    Path("other.yaml").write_text(SPEC.replace("campaign: small", "campaign: other"))
    told = hakken("tell", "other.yaml", "out.qcschema.json", "--json")
    assert told.code == 0, told.err
    assert hakken("status", "other", "--json").json[0]["faults"] == said.json["failures"]


def test_a_result_of_qcengine_is_told_by_the_schemas_own_names(hakken: Any) -> None:
    result = {
        "schema_name": "qcschema_output",
        "schema_version": 1,
        "molecule": {
            "symbols": ["O", "H", "H"],
            "geometry": [0, 0, 0, 0, 0, 1.8, 0, 1.8, 0],
            "identifiers": {"canonical_isomeric_explicit_hydrogen_mapped_smiles": "[H:2][O:1][H:3]"},
        },
        "driver": "energy",
        "model": {"method": "b3lyp", "basis": "def2-svp"},
        "properties": {"return_energy": -76.3, "scf_dipole_moment": [0.0, 0.6, 0.8]},
        "return_result": -76.3,
        "success": True,
        "provenance": {"creator": "Psi4", "version": "1.9"},
    }
    Path("one.json").write_text(json.dumps(qcel.AtomicResult(**result).dict(encoding="json")))
    two = "dipole: {goal: maximize, unit: debye}, energy: {goal: minimize, unit: hartree}"
    Path("small.yaml").write_text(SPEC.replace("gap: {goal: minimize, unit: eV, exact: true}", two))

    said = hakken("tell", "small.yaml", "one.json", "--json")

    assert said.code == 0, said.err
    hakken("export", "small", "small.csv")
    header, row = (line.split(",") for line in Path("small.csv").read_text().splitlines())
    assert row[header.index("settings.molecule")] == "water"
    assert float(row[header.index("results.dipole.value")]) == pytest.approx(2.5417, abs=1e-4)
    assert float(row[header.index("results.energy.value")]) == -76.3


ENERGY = {"schema_name": "qcschema_output", "success": True, "driver": "energy", "return_result": -76.3}
WATER, METHYL = ({"molecule": {"identifiers": {"smiles": smiles}}} for smiles in ("O", "[CH3]"))


@pytest.mark.parametrize(
    ("text", "energies"),
    [
        (json.dumps([{**ENERGY, **WATER, "properties": {"return_energy": -75.0}}]), [-75.0]),
        (json.dumps({**ENERGY, **WATER}), [-76.3]),
        (json.dumps({"7": {**ENERGY, **WATER}, "8": {**ENERGY, **METHYL}}), [-76.3, -76.3]),
        (f"{json.dumps({**ENERGY, **WATER})}\n{json.dumps({**ENERGY, **METHYL})}\n", [-76.3, -76.3]),
    ],
    ids=["properties", "return_result", "by name", "lines"],
)
def test_results_of_other_programs_are_told_as_they_are_written(hakken: Any, text: str, energies: list[float]) -> None:
    Path("one.json").write_text(text)
    energy = "energy: {goal: minimize, unit: hartree}"
    Path("small.yaml").write_text(SPEC.replace("gap: {goal: minimize, unit: eV, exact: true}", energy))

    said = hakken("tell", "small.yaml", "one.json", "--json")

    assert said.code == 0, said.err
    hakken("export", "small", "small.csv")
    header, *rows = (line.split(",") for line in Path("small.csv").read_text().splitlines())
    assert [float(row[header.index("results.energy.value")]) for row in rows] == energies


def test_what_is_no_result_among_calculations_is_named(hakken: Any) -> None:
    Path("one.json").write_text(json.dumps([{**ENERGY, **WATER}, {"schema_name": "qcschema_molecule"}]))

    said = hakken("tell", "small.yaml", "one.json")

    assert said.code == 2
    assert "it is a file of QCSchema, and entry 2 in it is no result; give results alone, as a list" in said.err


def test_a_file_that_is_cut_short_is_kept_and_told_apart(hakken: Any) -> None:
    Path("cut.json").write_text('[{"schema_name": "qcschema_output", "molecule"')

    said = hakken("tell", "small.yaml", "cut.json")

    assert said.code == 2
    assert "a file of QCSchema that is cut short or damaged" in said.err


def test_a_structure_that_is_no_candidate_is_named(hakken: Any) -> None:
    one = {"schema_name": "qcschema_output", "molecule": {"identifiers": {"smiles": "CCO"}}, "success": True,
           "properties": {"return_energy": -1.0}}  # fmt: skip
    Path("one.json").write_text(json.dumps([one]))

    said = hakken("tell", "small.yaml", "one.json")

    assert said.code == 2
    assert "none of its 3 molecules has the name or the structure 'CCO'" in said.err


def test_a_calculation_is_named_by_its_entry_in_the_file(hakken: Any) -> None:
    failed = {"success": False, "input_data": WATER, "error": {"error_type": "X", "error_message": "two\nlines"}}
    odd = {**ENERGY, "molecule": {"identifiers": {"smiles": "CCO"}}}
    Path("some.json").write_text(json.dumps([failed, {**ENERGY, **WATER}, odd]))
    energy = "energy: {goal: minimize, unit: hartree}"
    Path("small.yaml").write_text(SPEC.replace("gap: {goal: minimize, unit: eV, exact: true}", energy))

    said = hakken("tell", "small.yaml", "some.json")

    assert said.code == 2
    assert "some.json entry 3: " in said.err
    assert "line" not in said.err.partition("some.json entry 3: ")[2]


def test_results_without_a_geometry_are_refused_or_left_out_with_a_note(hakken: Any) -> None:
    Path("t.csv").write_text("molecule,gap\nwater,14\n")
    hakken("tell", "small.yaml", "t.csv")

    refused = hakken("export", "small", "out.qcschema.json")
    hakken("run", "small.yaml")
    said = hakken("export", "small", "out.qcschema.json")

    assert refused.code == 2
    assert "no calculation yet with the geometry that it was made for" in refused.err
    assert "1 result of a told table left out" in said.out
    assert hakken("export", "small", "out.qcschema.json").code == 2
    assert hakken("export", "small", "out.qcschema.json", "--overwrite").code == 0
