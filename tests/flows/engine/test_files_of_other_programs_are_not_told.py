"""Telling a file that another program saved: it is said to be one, and what brings it in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from flows.engine import tell
from flows.settings import Settings
from tests.flows.engine.bench import add

BAYBE = json.dumps({"type": "Campaign", "searchspace": {}, "recommender": {}}).encode()
AX = json.dumps({"__type": "Experiment", "name": "x", "trials": {}}, indent=1).encode()
OPTUNA = b'{"op_code": 0, "worker_id": "a", "study_name": "s", "directions": [1]}\n'
ORD = gzip.compress(b"\x0a\x04name", mtime=0)


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("b.json", BAYBE, "a campaign of BayBE"),
        ("a.json", AX, "an experiment of Ax"),
        ("study.log", OPTUNA * 2, "a storage of Optuna"),
        ("study.db", b"SQLite format 3\0" + bytes(100), "a storage of Optuna"),
        ("r.pb.gz", ORD, "a record of the Open Reaction Database"),
    ],
)
def test_what_another_program_saved_is_said_to_be_that(tmp_path: Path, name: str, data: bytes, what: str) -> None:
    settings = Settings(tmp_path / "runs", by="ada")
    add(settings, tmp_path)
    (tmp_path / name).write_bytes(data)

    report = tell(settings, "small", tmp_path / name, by="ada")

    assert report.accepted == 0
    assert report.problems == [f"{name}: it is {what}, and no table; hakken import {name} brings it in as a campaign"]


def test_a_packed_table_is_to_be_unpacked(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "runs", by="ada")
    add(settings, tmp_path)
    (tmp_path / "results.csv.gz").write_bytes(gzip.compress(b"yield\n1\n", mtime=0))

    report = tell(settings, "small", tmp_path / "results.csv.gz", by="ada")

    assert "unpack it first" in report.problems[0]
