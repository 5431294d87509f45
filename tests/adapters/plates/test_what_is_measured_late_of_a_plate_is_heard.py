"""What is measured of a well after a person told its result is heard, with the run that made the well."""

from __future__ import annotations

import json
from pathlib import Path

from loop.contracts import Phase
from tests.adapters.plates.at_the_robot import started
from tests.adapters.plates.robots import laboratory


def test_the_file_of_a_well_that_was_told_is_heard_with_its_run(tmp_path: Path) -> None:
    (tmp_path / "hplc").mkdir()
    lab = laboratory(tmp_path, measured_by={"adapter": "instrument", "folder": "hplc", "file": "*.csv", "settle": 0.0})
    handles = started(lab)
    lab.close("1", handles)
    for _ in range(10):
        lab.status(handles[0])
    assert lab.status(handles[0]).detail.startswith("made; ")

    text = "plate,well,RT,area\n1,A1,4.2,620\n1,A1,6.8,1000\n1,A2,4.2,1\n1,A2,6.8,1000\n"
    (tmp_path / "hplc" / "plate-1.csv").write_text(text, encoding="utf-8")
    (heard,) = lab.late(handles[:1])
    again = laboratory(
        tmp_path, measured_by={"adapter": "instrument", "folder": "hplc", "file": "*.csv", "settle": 0.0}
    ).late(handles[:1])

    assert heard.key == "attempt-A1"
    assert [file.name for file in heard.files] == ["plate-1.csv"]
    assert json.loads(heard.payload)["provenance"]["made_by"]["run"]
    assert list(again) == [heard]
    assert lab.status(handles[1]).phase is Phase.ENDED  # asked for as ever


def test_of_what_was_not_made_nothing_is_measured(tmp_path: Path) -> None:
    (tmp_path / "hplc").mkdir()
    lab = laboratory(tmp_path, measured_by={"adapter": "instrument", "folder": "hplc", "file": "*.csv", "settle": 0.0})
    handles = started(lab)

    assert list(lab.late(handles)) == []
