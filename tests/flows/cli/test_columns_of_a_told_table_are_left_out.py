"""``--ignore COLUMN`` of ``tell`` and ``rehearse``: a laboratory's file has columns that the campaign lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from flows.wiring import open_record
from tests.flows.cli.small import ONE_NUMBER

FILE = "Sample ID,step,yield [%],RT (min),remarks\nC-1,1,20,3.2,fine\nC-2,2,45,3.3,\nC-3,3,45,3.3,\n"
LEFT_OUT = ("--ignore", "Sample ID", "--ignore", "RT", "--ignore", "remarks")


def plain(said: str) -> str:
    return " ".join(said.replace("│", " ").split())


def test_what_a_file_has_beside_is_left_out_as_it_is_said(hakken: Any, tell_table: Any, home: Settings) -> None:
    tell_table(ONE_NUMBER, FILE)

    said = hakken("tell", "cells", "told.csv", *LEFT_OUT)
    again = hakken("tell", "cells", "told.csv", *LEFT_OUT, "--json").json

    assert said.code == 0, said.err
    assert "told.csv: 3 results accepted, 0 known already" in said.out
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    with open_record(home) as ledger:
        told = [json.loads(e.payload)["cells"] for e in ledger.envelopes("cells") if e.verdict == "accepted"]
    assert told[0] == {"step": "1", "yield [%]": "20"}


def test_the_refusal_names_the_ways_out(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yeild,RT (min),remarks\n1,20,3.2,fine\n")

    said = hakken("tell", "cells", "told.csv").err
    played = hakken("rehearse", "campaign.yaml", "--table", "told.csv").err

    ways = (
        "by a line under space in the campaign file: RT: {type: context, unit: 'min'}; "
        "or leave them out: --ignore 'RT (min)' --ignore remarks"  # and not the target, which is written otherwise
    )
    assert ways in said
    assert ways in played


def test_a_column_that_is_not_there_is_not_left_out(hakken: Any, tell_table: Any, home: Settings) -> None:
    tell_table(ONE_NUMBER, FILE)

    said = hakken("tell", "cells", "told.csv", *LEFT_OUT, "--ignore", "remark")

    assert said.code == 2
    assert "told.csv has no column 'remark' to ignore (did you mean 'remarks'?); it has Sample ID, step," in said.err
    with open_record(home) as ledger:
        assert not ledger.observations("cells")


@pytest.mark.parametrize("option", [(), ("--match",)])
def test_a_row_that_does_not_fit_its_header_is_not_made_to_fit(hakken: Any, tell_table: Any, option: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield,mass,remarks\n1,20,12,fine\n")
    Path("told.csv").write_text("step,yield,mass,remarks\n1,20,12,fine\n2,11.5\n")  # of which the yield is missing

    said = hakken("tell", "cells", "told.csv", "--ignore", "mass", "--ignore", "remarks", *option)

    assert "1 result accepted" in said.out
    assert "told.csv line 3: the row has 2 cells and the header 4" in said.err


def test_a_table_that_answers_has_columns_left_out(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, FILE)

    said = hakken("rehearse", "campaign.yaml", "--table", "told.csv", *LEFT_OUT, "--plays", "2", "-n", "2")

    assert said.code == 0, said.err
    assert "the 3 candidates of told.csv answer" in plain(said.out)
    assert "next: hakken rehearse campaign.yaml --table told.csv --ignore 'Sample ID' --ignore RT" in said.out


def test_columns_are_left_out_of_a_table_of_ones_own(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, FILE)

    of_others = hakken("tell", "cells", "told.csv", "--source", "Smith", *LEFT_OUT)
    of_none = hakken("rehearse", "campaign.yaml", "--ignore", "remarks")

    assert "whatever columns the table of others has are kept" in plain(of_others.err)
    assert "leaves out columns of a --table" in plain(of_none.err)
    assert {of_others.code, of_none.code} == {2}
