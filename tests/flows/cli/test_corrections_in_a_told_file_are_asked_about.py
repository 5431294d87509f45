"""A file that is told again with something corrected: both rows count, and the one that was there is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.small import ONE_NUMBER

SAID = re.compile(r"note: .*in the place of what 'told.csv' had .* such as (hakken retract cells \S+ --why CORRECTED)")


def retell(hakken: Any, rows: str) -> str:
    Path("told.csv").write_text(rows, encoding="utf-8")
    said: str = hakken("tell", "cells", "told.csv").out
    return said


@pytest.mark.parametrize(
    "mended",
    [
        pytest.param("step,yield\n1,20\n2,45\n", id="another result"),
        pytest.param("step,yield\n1,20\n5,4\n", id="other settings"),
        pytest.param("step,yield\n7,9\n1,20\n2,45\n", id="another result further down"),
    ],
)
def test_a_corrected_row_names_the_one_that_it_may_correct(hakken: Any, tell_table: Any, mended: str) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n2,4")  # cut off within 45, perhaps

    said = SAID.search(retell(hakken, mended))

    assert said is not None
    assert hakken(*said[1].split()[1:]).code == 0
    status = hakken("status", "cells", "--json").json[0]
    assert status["experiments_done"] == 0
    assert "in the place of" not in retell(hakken, mended)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param("step,yield\n1,20\n2,4\n3,5\n", id="one that grew"),
        pytest.param("step,yield\n3,20\n4,9\n", id="other experiments under the same name"),
        pytest.param("step,yield\n2,4\n2,4\n1,20\n", id="a replicate and another order"),
    ],
)
def test_a_file_in_which_nothing_was_corrected_is_not_asked_about(hakken: Any, tell_table: Any, later: str) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n2,4\n")

    assert "in the place of" not in retell(hakken, later)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param("step [1],yield [%]\n1,20\n2,4\n3,5\n", id="units in the header"),
        pytest.param("step;yield\n2,0;4,0\n1,0;20,0\n3;5\n", id="decimal commas"),
        pytest.param("step,yield,lot\n1,20,L1\n2,4,L2\n3,5,\n", id="a lot beside each"),
        pytest.param("step,yield,comment\n1,20,fine\n2,4,\n3,5,\n", id="comments"),
    ],
)
def test_rows_that_are_only_written_otherwise_are_known(hakken: Any, tell_table: Any, later: str) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n2,4\n")

    said = retell(hakken, later)
    again = retell(hakken, later)

    assert "in the place of" not in said
    assert hakken("status", "cells", "--json").json[0]["told"] == 3
    assert "0 results accepted, 3 known already" in again
    assert "to the letter" not in again


def test_comments_written_anew_and_lots_join_what_is_on_record(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield,comment\n1,20,fine\n2,4,\n")

    said = retell(hakken, "step,yield,comment,lot\n1,20,weighed anew,L1\n2,4,,\n")

    assert "note: lot and comment joined 1 result on record" in said
    assert "in the place of" not in said


def test_a_row_with_another_lot_is_an_experiment_of_its_own(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield,lot\n1,20,L1\n2,4,L1\n")

    said = retell(hakken, "step,yield,lot\n1,20,L2\n2,4,L1\n")

    assert "1 result accepted, 1 known already" in said
    assert SAID.search(said) is not None


def test_a_file_that_grew_under_another_name_is_taken_back_whole(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n2,4\n")
    Path("november.csv").write_text("step,yield\n1,20\n2,4\n3,5\n", encoding="utf-8")

    said = hakken("tell", "cells", "november.csv").out

    remedy = "hakken retract cells told.csv --file --why COPY"
    assert "all rows of 'told.csv' are among them: where this is what became of that file, take back" in said
    assert remedy in said
    assert hakken(*remedy.split()[1:]).code == 0


def test_another_file_corrects_nothing(hakken: Any, tell_table: Any) -> None:
    tell_table(ONE_NUMBER, "step,yield\n1,20\n2,4\n")
    Path("more.csv").write_text("step,yield\n2,45\n", encoding="utf-8")

    assert "in the place of" not in hakken("tell", "cells", "more.csv").out


def test_the_next_experiment_of_the_same_settings_corrects_nothing(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("twice.yaml")
    file.write_text(
        "campaign: twice\nspace: {step: {type: category, options: [a, b]}}\nobjective: {yield: {goal: maximize}}\n"
        "planner: {batch: 1, replicates: 2, initial: {experiments: 1}}\nbudget: {experiments: 4}\n"
        "laboratory: {adapter: manual}\n"
    )
    hakken("tick", file)
    hakken("export", "twice", "left.csv", "--waiting")
    header, first, second = Path("left.csv").read_text(encoding="utf-8-sig").splitlines()
    values = header.split(",").index("yield")
    said = ""
    for row, value in ((first, "20"), (second, "30")):
        cells = row.split(",")
        cells[values] = value
        Path("left.csv").write_text(f"{header}\n{','.join(cells)}\n", encoding="utf-8")
        told = hakken("tell", "twice", "left.csv")
        assert "1 result accepted" in told.out
        said += told.out + told.err

    assert "in the place of" not in said
