"""Options of a QCFractal laboratory, its molecules, and what is made of records that RDKit cannot give."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.compute.constants import DEBYE
from adapters.errors import AdapterOptionsError
from adapters.qcfractal.molecule import molecule
from adapters.qcfractal.options import qcfractal_options
from adapters.qcfractal.portal import Portal
from adapters.qcfractal.reading import payload_of
from adapters.registry import binding, build
from loop.contracts import Delivery
from loop.outcome import Fault, FaultKind, Measured, read_outcome
from tests.adapters.helpers import context

LEVEL: dict[str, Any] = {"address": "https://qc.example", "program": "psi4", "method": "B3LYP", "basis": "def2-SVP"}


class Status(Enum):
    """As ``qcportal.record_models.RecordStatusEnum`` has it."""

    complete = "complete"
    error = "error"
    cancelled = "cancelled"
    invalid = "invalid"


def record(status: Status = Status.complete, **changes: Any) -> Any:
    """A single point as qcportal gives it."""
    provenance = SimpleNamespace(creator="Psi4", version="1.9", wall_time=12.5, hostname="node7")
    properties = {"return_energy": -76.4, "scf_dipole_moment": [0.0, 0.6, 0.8], "calcinfo_natom": 3}
    told = {"provenance": provenance, "properties": properties, "error": None, "stdout": "x" * 9000, "stderr": None}
    return SimpleNamespace(**{"id": 7, "record_type": "singlepoint", "status": status, **told, **changes})


def read(one: Any, *targets: str, **options: Any) -> Any:
    settings = qcfractal_options({**LEVEL, **options})
    return payload_of(one, settings, dict.fromkeys(targets or ("energy",), ""), {"repairs": []})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": "qc.example"}, "option 'address' must be an address such as https://qcfractal.example"),
        ({"address": "https://a:b@qc.example"}, "without name, password, [?] and #"),
        ({"address": "http://qc.example", "token": "$T"}, "must begin with https:// where there is a password"),
        (
            {"address": "http://qc:7777", "token": "$T"},
            r"\(ssh -L 7777:localhost:7777 qc\), and give http://localhost:7777",
        ),
        ({"password": "hunter2", "username": "me"}, "option 'password' must name an environment variable"),
        ({"token": "qcf_hunter2"}, "option 'token' must name an environment variable"),
        ({"username": "me"}, "username and password go together; add 'password', or leave both out"),
        ({"password": "$P"}, "username and password go together; add 'username', or leave both out"),
        ({"username": "me", "password": "$P", "token": "$T"}, "a token stands instead of username and password"),
        ({"propertys": {}}, r"unknown option 'propertys' \(did you mean 'properties'\?\)"),
        ({"properties": {"gap": {"unit": "eV"}}}, "option 'properties.gap.name' is missing"),
        ({"properties": {"gap": {"name": "gap", "unit": "eVV"}}}, "option 'properties.gap.unit' must be: .*eVV"),
        ({"driver": "hessian"}, "option 'driver' must be: 'energy', 'gradient' or 'properties'"),
    ],
)
def test_what_cannot_be_meant_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AdapterOptionsError, match=message) as refused:
        qcfractal_options({**LEVEL, **changes})

    assert "hunter2" not in str(refused.value)


def test_a_campaign_file_gives_a_keyed_laboratory_that_asks_nobody_yet(tmp_path: Path) -> None:
    here = replace(context(tmp_path), targets={"dipole": "debye"})
    built = build("qcfractal", LEVEL, here).capabilities()

    assert (built.delivery, built.max_parallel, built.can_cancel) == (Delivery.KEYED, 100, True)
    assert built.properties == {"energy": "hartree", "dipole": "debye"}
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AdapterOptionsError, match="target 'gap' is not measured; it is energy, dipole"):
        build("qcfractal", LEVEL, replace(here, targets={"gap": "eV"}))


def test_a_new_password_is_the_same_laboratory_and_a_new_method_is_not() -> None:
    before = binding("qcfractal", {**LEVEL, "username": "a", "password": "$A", "tag": "*"})

    assert binding("qcfractal", {**LEVEL, "username": "b", "password": "$B", "tag": "big", "poll": 1}) == before
    assert binding("qcfractal", {**LEVEL, "method": "pbe0"}) != before


def test_each_level_has_a_name_of_its_own_in_the_dataset() -> None:
    levels = [{}, {"method": "PBE0"}, {"keywords": {"scf_type": "df"}}, {"optimise": True}, {"driver": "properties"}]
    labels = [Portal(qcfractal_options({**LEVEL, **level}), "d").label for level in levels]

    assert len(set(labels)) == len(levels)
    assert labels[0].startswith("b3lyp/def2-svp psi4 ")
    assert Portal(qcfractal_options({**LEVEL, "method": "b3lyp"}), "d").label == labels[0]


def test_a_dipole_is_the_length_of_its_vector_and_named_properties_have_their_units() -> None:
    told = read(record(), "energy", "dipole", "atoms", properties={"atoms": {"name": "CALCINFO_NATOM"}})
    outcome = read_outcome(told, {"energy": "hartree", "dipole": "debye", "atoms": ""})

    assert isinstance(outcome, Measured)
    assert {m.property: m.value for m in outcome.measurements} == {
        "energy": -76.4,
        "dipole": pytest.approx(DEBYE),
        "atoms": 3.0,
    }
    assert told["provenance"]["wall_time_s"] == 12.5
    assert len(told["provenance"]["stdout"]) == 4000


def test_a_property_that_was_not_asked_for_may_be_missing() -> None:
    only_energy = record(properties={"return_energy": -1.0})

    assert [value["property"] for value in read(only_energy)["values"]] == ["energy"]
    assert read(only_energy, "dipole")["kind"] == "analysis_failed"
    assert read(record(properties={"return_energy": float("nan")}))["kind"] == "analysis_failed"
    assert read(record(properties=None))["message"].startswith("record 7 has no number called 'return_energy'")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("convergence_error", FaultKind.CONVERGENCE_ERROR),
        ("random_error", FaultKind.RANDOM_ERROR),
        ("resource_error", FaultKind.RESOURCE_ERROR),
        ("compute_lost", FaultKind.COMPUTE_LOST),
        ("unknown_error", FaultKind.UNKNOWN),
        ("KeyError", FaultKind.UNKNOWN),
    ],
)
def test_errors_keep_their_kind(said: str, kind: FaultKind) -> None:
    failed = record(Status.error, properties=None, error={"error_type": said, "error_message": "SCF: no"})
    outcome = read_outcome(read(failed), {"energy": "hartree"})

    assert isinstance(outcome, Fault)
    assert (outcome.kind, outcome.message) == (kind, "SCF: no")


def test_what_a_person_did_to_a_record_is_told() -> None:
    assert read(record(Status.invalid))["message"] == "record 7 was marked invalid on the server by a person"
    assert read(record(Status.cancelled))["kind"] == "cancelled"
    assert read(record(Status.error))["message"] == "it says no more"


def test_an_optimisation_is_read_at_its_last_geometry() -> None:
    last = SimpleNamespace(properties={"return_energy": -9.0, "scf_dipole_moment": [0, 0, 2.0]})
    final = SimpleNamespace(symbols=["H", "H"], geometry=[[0, 0, 0], [0, 0, 1.4]])
    one = record(
        record_type="optimization",
        energies=[-1.0, -1.1],
        trajectory_element=lambda at: {-1: last}[at],
        final_molecule=final,
        properties={},
    )
    told = read(one, "energy", "dipole", optimise=True)

    assert {v["property"]: v["value"] for v in told["values"]} == {"energy": -1.1, "dipole": pytest.approx(2 * DEBYE)}
    assert told["provenance"]["xyz"].splitlines()[3] == "H 0.000000 0.000000 0.740848"


def test_molecules_have_charge_spin_and_whole_bonds() -> None:
    pyridinium, repairs = molecule("c1cc[nH+]cc1", 0)
    radical, _ = molecule("[CH3]", 0)
    block, _ = molecule("2\n\nH 0 0 0\nF 0 0 0.917", 0)

    assert (pyridinium["molecular_charge"], pyridinium["molecular_multiplicity"], repairs) == (1.0, 1.0, ())
    assert sorted({order for *_, order in pyridinium["connectivity"]}) == [1.0, 2.0]
    assert radical["molecular_multiplicity"] == 2.0
    assert "connectivity" not in block
    assert block["geometry"][5] == pytest.approx(1.7329, abs=1e-4)  # bohr
    assert molecule("C1=CC=[NH+]C=C1", 0) == (pyridinium, repairs)
