"""A real QCFractal as laboratory: the contract, lost replies, a server and callers killed at every step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.common.folder import handle_of
from adapters.errors import AdapterUnavailable
from adapters.qcfractal.laboratory import QcfractalLaboratory
from adapters.qcfractal.options import qcfractal_options
from adapters.qcfractal.portal import Portal
from loop import checkpoints
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.outcome import FaultKind, Measured, read_outcome
from loop.testing.adapter import KEY, OTHER, AdapterContract, wait_for_end
from tests.adapters.executors.jobs import wait_until
from tests.adapters.qcfractal.fractals import READER, USER, OneNodeFractal, losing

ETHANOL = ExperimentSpec("force fields", {"molecule": "ethanol"}, {}, {"molecule": "CCO"}, {"energy": "hartree"})


@pytest.fixture
def dataset() -> str:
    """Of the dataset, and the tag of its records; no other test has it."""
    return uuid.uuid4().hex


def options(address: str, dataset: str, **changes: Any) -> dict[str, Any]:
    login = {"token": "$QCFRACTAL_TOKEN"}
    level = {"program": "rdkit", "method": "MMFF94"}
    own = {"dataset": dataset, "tag": dataset, "reuse": False, "poll": 0.1}
    return {"address": address, **login, **level, **own, **changes}


def laboratory(folder: Path, address: str, dataset: str, **changes: Any) -> QcfractalLaboratory:
    return QcfractalLaboratory(folder / "lab", qcfractal_options(options(address, dataset, **changes)), dataset)


def begin(lab: QcfractalLaboratory, spec: ExperimentSpec = ETHANOL, key: AttemptKey = KEY) -> Handle:
    handle = lab.prepare(spec, key)
    lab.start(handle, key)
    return handle


def payload(lab: QcfractalLaboratory, handle: Handle) -> dict[str, Any]:
    wait_for_end(lab, handle)
    (envelope,) = lab.fetch(handle)
    return dict(json.loads(envelope.payload))


def outcome(lab: QcfractalLaboratory, handle: Handle) -> Any:
    return read_outcome(payload(lab, handle), ETHANOL.targets)


def force_field(structure: str) -> float:
    """MMFF94 of the conformer that hakken takes, by RDKit itself, in kcal/mol."""
    from rdkit.Chem import AllChem

    from adapters.compute.geometry import embed, read_smiles

    known, _ = read_smiles(structure)
    place = AllChem.EmbedMolecule(known, randomSeed=0)
    for at, position in enumerate(embed(structure).positions):
        known.GetConformer(place).SetAtomPosition(at, position)
    return float(AllChem.MMFFGetMoleculeForceField(known, AllChem.MMFFGetMoleculeProperties(known)).CalcEnergy())


class TestQcfractal(AdapterContract):
    @pytest.fixture
    def shuffles(self) -> int:
        return 2

    @pytest.fixture
    def make_adapter(self, tmp_path: Path, fractal: OneNodeFractal, dataset: str) -> Callable[[], Adapter]:
        return lambda: laboratory(tmp_path, fractal.address, dataset)

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return ETHANOL

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(ETHANOL, smiles={})

    @pytest.fixture
    def count_runs(self, fractal: OneNodeFractal, dataset: str) -> Callable[[AttemptKey], int]:
        return lambda key: fractal.runs_of(dataset, handle_of(key))


def test_what_is_read_is_what_the_program_gives(fractal: OneNodeFractal, tmp_path: Path, dataset: str) -> None:
    lab = laboratory(tmp_path, fractal.address, dataset)
    told = payload(lab, begin(lab))
    (value,) = told["values"]

    # QCEngine 0.52 takes RDKit's kcal/mol for kJ/mol. 1e-8: coordinates are kept to 1e-8 bohr, and the minimum is flat.
    assert any(value["value"] == pytest.approx(force_field("CCO") / unit, abs=1e-8) for unit in (2625.4996, 627.50947))
    assert (value["property"], value["unit"]) == ("energy", "hartree")
    how = told["provenance"]
    assert (how["program"], how["method"], how["charge"], how["unpaired"]) == ("rdkit", "mmff94", 0, 0)
    assert how["xyz"].splitlines()[0] == "9"
    assert [how["record"]] == fractal.records(dataset)


def test_the_servers_own_manager_optimises_a_geometry(fractal: OneNodeFractal, tmp_path: Path, dataset: str) -> None:
    lab = laboratory(tmp_path, fractal.address, dataset, optimise=True, method="UFF")
    with fractal.paused("manager"):
        fractal.start_own_manager(dataset)
        handle = begin(lab)
        wait_for_end(lab, handle, seconds=300.0)
        told = payload(lab, handle)
        fractal.kill(dataset)

    assert told["outcome"] == "measured"
    assert (told["provenance"]["program"], told["provenance"]["method"]) == ("geomeTRIC", "uff")
    assert told["provenance"]["xyz"].splitlines()[0] == "9"


@pytest.mark.parametrize("lost", ["entries/bulkCreate", "submit", "records/bulkFetch", "specifications"])
def test_a_lost_reply_is_looked_up_and_not_sent_again(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.qcfractal.portal._REST", 0.0)
    with losing(fractal.address, lost) as address:
        lab = laboratory(tmp_path, address, dataset)
        handle = lab.prepare(ETHANOL, KEY)
        with pytest.raises(AdapterUnavailable, match="gives no answer"):
            lab.start(handle, KEY)
        found = lab.find(KEY)
        lab.start(handle, KEY)

        assert found == Found(handle, started=lost in ("submit", "records/bulkFetch"))
        assert isinstance(outcome(lab, handle), Measured)
        assert fractal.runs_of(dataset, KEY) == 1


def test_two_that_submit_one_key_at_once_make_one_record(fractal: OneNodeFractal, dataset: str) -> None:
    portals = [Portal(qcfractal_options(options(fractal.address, dataset)), dataset) for _ in range(4)]
    water = {"symbols": ["O", "H", "H"], "geometry": [0, 0, 0, 0, 1.5, 1.2, 0, -1.5, 1.2]}
    portals[0].enter("one", water, {}, "")

    def submit(portal: Portal) -> str:
        try:
            portal.submit("one", reuse=False)
        except AdapterUnavailable as error:
            return str(error)
        return "taken"

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(submit, portals))

    assert "taken" in said
    assert all(text == "taken" or "answers" in text for text in said)
    assert len(fractal.records(dataset, "one")) == 1
    wait_until(lambda: fractal.runs_of(dataset, "one"))  # one that no entry has would be among them
    assert fractal.runs_of(dataset, "one") == 1


def test_a_killed_server_loses_nothing(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.qcfractal.portal._REST", 0.0)
    keys = [AttemptKey(f"attempt-{number}") for number in range(6)]
    lab = laboratory(tmp_path, fractal.address, dataset)
    with fractal.held(dataset):
        handles = [begin(lab, key=key) for key in keys[:4]]
        wait_until(lambda: len(fractal.claims(dataset)) == len(handles))  # a task whose reply is lost is nobody's
        wait_until(lambda: lab.status(handles[0]).phase is Phase.RUNNING)
        prepared = [lab.prepare(ETHANOL, key) for key in keys[4:]]
        fractal.kill("server")
        unseen = laboratory(tmp_path, fractal.address, dataset)  # what the other saw a moment ago may still count
        during = [unseen.status(handle) for handle in handles]
        with pytest.raises(AdapterUnavailable, match=r"gives no answer .* start it, or mend the address"):
            lab.start(prepared[0], keys[4])
        found = lab.find(keys[4]), lab.find(AttemptKey("never seen"))
        lab.cancel(handles[0], "no longer wanted")
        fractal.start_server()
    again = laboratory(tmp_path, fractal.address, dataset)
    for key, handle in zip(keys[4:], prepared, strict=True):
        again.start(handle, key)
    results = [outcome(again, handle) for handle in (*handles, *prepared)]

    assert {status.phase for status in during} == {Phase.WAITING}
    assert all("as last known: QCFractal at" in status.detail for status in during)
    assert found[0] == Found(prepared[0], started=False)
    assert isinstance(found[1], Unknown)
    assert all(isinstance(result, Measured) for result in results[1:])
    assert isinstance(results[0], Measured) or results[0].message == "no longer wanted"  # it had been taken up
    assert [fractal.runs_of(dataset, key) for key in keys[1:]] == [1] * 5
    assert fractal.runs_of(dataset, keys[0]) <= 1


def test_a_killed_manager_loses_nothing(fractal: OneNodeFractal, tmp_path: Path, dataset: str) -> None:
    lab = laboratory(tmp_path, fractal.address, dataset)
    fractal.kill("manager")
    handle = begin(lab)
    waits = lab.status(handle)
    fractal.start_manager()

    assert waits.phase is Phase.WAITING
    assert isinstance(outcome(lab, handle), Measured)
    assert fractal.runs_of(dataset, KEY) == 1


@pytest.mark.parametrize(
    "label", ["folder.prepared", "qcfractal.entered", "qcfractal.sending", "qcfractal.sent", "qcfractal.started"]
)
def test_a_caller_killed_anywhere_leaves_an_attempt_that_runs_once(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(here: str) -> None:
        if here == label:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "on_reached", stop)
        with pytest.raises(KeyboardInterrupt):
            begin(laboratory(tmp_path, fractal.address, dataset))
    second = laboratory(tmp_path, fractal.address, dataset)
    found = second.find(KEY)

    assert isinstance(found, Found)
    assert found.started == (label in ("qcfractal.sent", "qcfractal.started"))
    second.start(found.handle, KEY)
    assert isinstance(outcome(second, found.handle), Measured)
    assert fractal.runs_of(dataset, KEY) == 1


def test_a_key_is_found_by_the_server_alone_when_the_folder_is_lost(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    first = laboratory(tmp_path / "first", fractal.address, dataset)
    begin(first)
    second = laboratory(tmp_path / "second", fractal.address, dataset)
    found = second.find(KEY)

    assert isinstance(found, Found)
    assert found.started
    assert isinstance(second.find(OTHER), Absent)
    second.start(second.prepare(ETHANOL, KEY), KEY)
    assert isinstance(outcome(second, found.handle), Measured)
    assert fractal.runs_of(dataset, KEY) == 1


def test_a_complete_record_is_read_again_and_nothing_else_is(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    methane = replace(ETHANOL, smiles={"molecule": "C"})
    charged = replace(ETHANOL, smiles={"molecule": "C[NH3+]"})
    keywords = {"test": dataset}  # nobody else's calculation is just this one
    lab = laboratory(tmp_path, fractal.address, dataset, reuse=True, keywords=keywords)
    first = payload(lab, begin(lab, methane, AttemptKey("first")))
    again = payload(lab, begin(lab, methane, AttemptKey("again")))
    repeated = payload(lab, begin(lab, replace(methane, replicate_no=1), AttemptKey("repeated")))
    failed = [payload(lab, begin(lab, charged, AttemptKey(f"charged-{n}"))) for n in range(2)]
    elsewhere = laboratory(tmp_path / "other", fractal.address, f"{dataset}-other", reuse=True, keywords=keywords)
    by_others = payload(elsewhere, begin(elsewhere, methane, AttemptKey("theirs")))
    record = first["provenance"]["record"]

    assert "wall_time_s" in first["provenance"]
    assert again["provenance"]["record"] == record
    assert again["values"] == first["values"]
    assert again["provenance"]["repairs"] == [f"read from record {record}, which was complete before"]
    assert "wall_time_s" not in again["provenance"]
    assert repeated["provenance"]["record"] != record
    assert {one["kind"] for one in failed} == {"input_error"}
    assert failed[0]["provenance"]["record"] != failed[1]["provenance"]["record"]
    assert by_others["provenance"]["record"] in (record, repeated["provenance"]["record"])
    assert sum(run["tag"] == dataset for run in fractal.runs()) == 4  # methane twice, the other twice


def test_a_record_that_goes_on_is_seen_behind_complete_ones_however_few_a_server_tells_at_once(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.qcfractal.portal._SHARE", 1)
    keywords = {"test": dataset}
    waiting = laboratory(tmp_path / "waiting", fractal.address, dataset, keywords=keywords)
    complete = laboratory(tmp_path / "complete", fractal.address, f"{dataset}-b", tag="b", keywords=keywords)
    third = laboratory(tmp_path / "third", fractal.address, f"{dataset}-c", tag="c", reuse=True, keywords=keywords)
    with fractal.held(dataset):
        begin(waiting)
        payload(complete, begin(complete))
        told = payload(third, begin(third))

    assert told["provenance"]["repairs"] == []


def test_a_record_that_goes_on_is_nobody_elses_to_call_off(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    keywords = {"test": dataset}
    one = laboratory(tmp_path / "one", fractal.address, dataset, reuse=True, keywords=keywords)
    other = laboratory(tmp_path / "other", fractal.address, f"{dataset}-b", reuse=True, tag=dataset, keywords=keywords)
    with fractal.held(dataset):
        mine, theirs = begin(one), begin(other)
        other.cancel(theirs, "budget spent")
        ended = other.status(theirs)

    assert ended.phase is Phase.ENDED
    assert isinstance(outcome(one, mine), Measured)
    result = outcome(other, theirs)
    assert (result.kind, result.message) == (FaultKind.CANCELLED, "budget spent")


def test_what_a_running_record_brings_after_it_was_called_off_changes_nothing(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    lab = laboratory(tmp_path, fractal.address, dataset)
    with fractal.held(dataset):
        handle = begin(lab)
        wait_until(lambda: lab.status(handle).phase is Phase.RUNNING)
        lab.cancel(handle, "no longer wanted")
        before = lab.fetch(handle)
    wait_until(lambda: fractal.runs_of(dataset, KEY))  # the manager knows nothing of it
    result = outcome(lab, handle)

    assert (result.kind, result.message) == (FaultKind.CANCELLED, "no longer wanted")
    assert lab.fetch(handle) == before


def test_what_a_record_brings_after_its_experiment_ended_otherwise_is_heard_once_it_is_asked_for(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    now = [1_000_000.0]
    settings = qcfractal_options(options(fractal.address, dataset, poll=0.0))
    lab = QcfractalLaboratory(tmp_path / "lab", settings, dataset, lambda: now[0])
    with fractal.held(dataset):
        told, called_off = begin(lab), begin(lab, key=OTHER)
        lab.cancel(called_off, "a better one came")
        early = lab.late([told, called_off])
    (record,) = fractal.records(dataset, told)
    asked = "SELECT status FROM base_record WHERE id = %s"
    wait_until(lambda: fractal.ask(asked, record) == [("complete",)])
    before = lab.late([told, called_off])
    now[0] += 60.0
    came = lab.late([told, called_off])

    assert [*early, *before] == []
    assert came == [*lab.fetch(told)]
    assert isinstance(read_outcome(json.loads(came[0].payload), ETHANOL.targets), Measured)


def test_an_envelope_stays_when_a_person_resets_its_record(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    from qcportal import PortalClient

    lab = laboratory(tmp_path, fractal.address, dataset)
    handle = begin(lab, replace(ETHANOL, smiles={"molecule": "C[NH3+]"}))
    first = payload(lab, handle)
    client = PortalClient(fractal.address, username=USER, password=fractal.password)
    with fractal.held(dataset):
        client.reset_records(fractal.records(dataset))
        while_it_goes_on = lab.status(handle).phase

    assert first["kind"] == "input_error"
    assert "does not currently support charged molecules" in first["message"]
    assert while_it_goes_on is Phase.ENDED
    assert payload(lab, handle) == first


def test_a_record_that_a_person_deleted_is_lost_work_to_be_tried_again(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    from qcportal import PortalClient

    client = PortalClient(fractal.address, username=USER, password=fractal.password)
    lab = laboratory(tmp_path, fractal.address, dataset)
    told = []
    with fractal.held(dataset):
        for key, softly in ((KEY, True), (OTHER, False)):
            handle = begin(lab, key=key)
            (record,) = fractal.records(dataset, handle)
            if softly:
                client.delete_records([record], soft_delete=True)
            else:
                (number,) = (one["id"] for one in client.list_datasets() if one["dataset_name"] == dataset)
                client.delete_dataset(number, delete_records=True)
            told.append((payload(lab, handle), record))

    assert [one["kind"] for one, _ in told] == ["compute_lost", "compute_lost"]
    assert [one["message"] for one, _ in told] == [
        f"record {record} was deleted on {fractal.address}" for _, record in told
    ]


def test_a_record_is_read_though_a_person_deleted_its_dataset(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    from qcportal import PortalClient

    client = PortalClient(fractal.address, username=USER, password=fractal.password)
    lab = laboratory(tmp_path, fractal.address, dataset)
    with fractal.held(dataset):
        handle = begin(lab)
        (record,) = fractal.records(dataset)
        (number,) = (one["id"] for one in client.list_datasets() if one["dataset_name"] == dataset)
        client.delete_dataset(number, delete_records=False)

    told = payload(lab, handle)
    assert (told["outcome"], told["provenance"]["record"]) == ("measured", record)


def test_the_number_of_a_record_that_is_anothers_is_not_read_as_ones_own(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    lab = laboratory(tmp_path, fractal.address, dataset)
    theirs = payload(lab, begin(lab, replace(ETHANOL, smiles={"molecule": "CC"}), OTHER))
    handle = begin(lab)
    note = lab._jobs.folder(handle) / "started.json"
    ours = json.loads(note.read_text())
    # As where a server's database was put back to an earlier day, and numbers are given again.
    note.write_text(json.dumps({**ours, "record": theirs["provenance"]["record"]}))
    told = payload(lab, handle)

    assert told["provenance"]["record"] == ours["record"]
    assert told["values"] != theirs["values"]


def test_a_property_that_the_record_does_not_have_is_told_with_those_it_has(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str
) -> None:
    more = {"atoms": {"name": "calcinfo_natom"}, "gap": {"name": "homo_lumo_gap", "unit": "hartree"}}
    lab = laboratory(tmp_path, fractal.address, dataset, properties=more)
    counted = payload(lab, begin(lab, replace(ETHANOL, targets={"atoms": ""})))
    asked = payload(lab, begin(lab, replace(ETHANOL, targets={"gap": "eV"}), OTHER))

    assert {v["property"]: v["value"] for v in counted["values"]}["atoms"] == 9.0
    assert asked["kind"] == "analysis_failed"
    assert (
        "no number called 'homo_lumo_gap', which 'gap' is read from; it has calcinfo_natom, return_energy"
        in (asked["message"])
    )


def test_a_structure_that_cannot_be_built_ends_here(fractal: OneNodeFractal, tmp_path: Path, dataset: str) -> None:
    lab = laboratory(tmp_path, fractal.address, dataset)
    told = payload(lab, begin(lab, replace(ETHANOL, smiles={"molecule": "CC(("})))

    assert (told["kind"], told["provenance"]["code"]) == ("input_error", "input_refused")
    assert "cannot be read" in told["message"]
    assert fractal.records(dataset) == []


def test_what_is_wrong_with_the_server_or_the_login_is_told_with_the_remedy(
    fractal: OneNodeFractal, tmp_path: Path, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_password = {"token": None, "username": USER, "password": "$QCFRACTAL_PASSWORD"}
    good = laboratory(tmp_path, fractal.address, dataset, **by_password)
    nowhere = laboratory(tmp_path, "http://127.0.0.1:9", dataset)
    stranger = laboratory(tmp_path, fractal.address, dataset, token=None)
    reader = laboratory(tmp_path, fractal.address, dataset, **{**by_password, "username": READER})
    handle = reader.prepare(ETHANOL, KEY)
    with pytest.raises(AdapterUnavailable, match="give a login with the role submit"):
        reader.start(handle, KEY)
    wait_until(lambda: good.examine()[1].verdict == "ok")

    assert good.health().is_ok
    assert [finding.verdict for finding in good.examine()] == ["ok", "ok"]
    assert laboratory(tmp_path, fractal.address, dataset, program="psi4").examine()[1].remedy == (
        "start qcfractal-compute-manager where psi4 is installed, with that tag"
    )
    assert "start it, or mend the address" in nowhere.health().message
    assert nowhere.examine()[0].verdict == "problem"
    assert "Server requires login" in stranger.health().message
    for name, value, login, said in (
        ("QCFRACTAL_PASSWORD", "wrong", by_password, "refuses the login (Incorrect username or password)"),
        ("QCFRACTAL_PASSWORD", "", by_password, "environment variable QCFRACTAL_PASSWORD is not set"),
        ("QCFRACTAL_TOKEN", "no token", {}, "QCFRACTAL_TOKEN holds no API token of QCFractal; set it to one"),
        (
            "QCFRACTAL_TOKEN",
            fractal.token[:-1] + "xX"[fractal.token[-1] == "x"],
            {},
            "mend username and password, or the token",
        ),
    ):
        monkeypatch.setenv(name, value)
        told = laboratory(tmp_path, fractal.address, dataset, **login).health()
        assert (told.is_ok, said in told.message) == (False, True), told.message
        assert value in ("", "wrong") or value not in told.message
