"""Records of the Open Reaction Database in another encoding, or of a later definition."""

from __future__ import annotations

import json
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
