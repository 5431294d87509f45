"""Tables of candidates, most of them not measured yet: what is proposed is among their rows, or that is said."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.importing import Foreign, Source, campaign_text, read_foreign
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import build_space, read_spec

DESCRIBED = [(f"m{i}", f"{(i * 37 % 101) / 10}", f"{(i * 53 % 97) / 10}", 20 - i % 7) for i in range(80)]


def read(rows: str, *ignore: str, **goals: str) -> Foreign:
    goals = goals or {"energy": "minimize"}
    return read_foreign(Source(Path("t.csv"), rows.encode(), goals, campaign="c", table="t.csv", ignore=ignore))


def file_of(foreign: Foreign) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(campaign_text(foreign, campaign="c", source="t.csv"))
    return said


def described(*, measured: int) -> str:
    rows = [f"{name},{a},{b},{y if i < measured else ''}" for i, (name, a, b, y) in enumerate(DESCRIBED)]
    return "\n".join(["id,gap [eV],radius,energy", *rows]) + "\n"


def grid(*, measured: int) -> str:
    """Three parts of ten, at three temperatures."""
    rows = [(a, b, 10 - a - b, t) for t, a, b in product((300, 320, 340), range(11), range(11)) if a + b <= 10]
    lines = [f"{a},{b},{c},{t},{a if i < measured else ''}" for i, (a, b, c, t) in enumerate(rows)]
    return "\n".join(["Li,Na,K,T,energy", *lines]) + "\n"


def test_rows_with_names_and_numbers_are_options_with_descriptors() -> None:
    foreign = read(text := described(measured=5))

    (parameter,) = file_of(foreign)["space"].items()
    assert parameter == (
        "id",
        {
            "type": "category",
            "descriptors": {"file": "t.csv", "name": "id", "columns": ["gap [eV]", "radius"]},
            "options": [name for name, *_ in DESCRIBED],
        },
    )
    assert [r.settings for r in foreign.results] == [{"id": f"m{i}"} for i in range(5)]
    assert foreign.notes == (
        "75 rows have no result: each row is a candidate, called by its id and described by gap [eV] and radius; "
        "without the names (--ignore id) any values in between may be tried",
    )
    spec = read_spec(campaign_text(foreign, campaign="c", source="t.csv"), source="c.yaml", read={"t.csv": text}.get)
    space = build_space(spec)
    seen = [
        Observation(str(i), space.coordinates({"id": name}), Measured((Measurement("energy", float(y), "", float(y)),)))
        for i, (name, _, _, y) in enumerate(DESCRIBED[:5])
    ]
    batch = plan(spec, History(tuple(seen)), seed=0, experiments=5)
    assert {"gp", "gp-given"} <= {prediction.member for prediction in batch.proposals[0].predictions}


def test_without_their_names_rows_widen_ranges_which_is_said() -> None:
    foreign = read(described(measured=5), "id")

    assert set(file_of(foreign)["space"]) == {"gap", "radius"}
    assert foreign.notes == (
        "75 rows have no result: they widen the ranges, and gap and radius may take any value within; to choose among "
        "the rows alone, by numbers that describe them, name each in a column called name",
    )


def test_a_design_of_few_rows_with_numbers_is_one_of_ranges() -> None:
    lines = described(measured=5).splitlines()[:41]

    foreign = read("\n".join(lines))

    assert {p["type"] for p in file_of(foreign)["space"].values()} == {"number"}
    assert foreign.notes == (
        "35 rows have no result: they widen the ranges, and gap and radius may take any value within",
    )


def test_of_two_columns_of_names_the_text_counts() -> None:
    header, *rows = described(measured=5).splitlines()
    counted = [f"index,{header}", *(f"{i},{row}" for i, row in enumerate(rows))]

    foreign = read("\n".join(counted))

    assert set(file_of(foreign)["space"]) == {"id"}
    assert foreign.left == ("column index (it names the rows too)",)


def test_combinations_that_are_not_listed_are_left_out() -> None:
    foreign = read(grid(measured=4))

    assert file_of(foreign)["constraints"] == [{"sum": {"Li": 1, "Na": 1, "K": 1}, "equals": 10}]
    assert foreign.notes == ("194 rows have no result: constraints leave out what is not among the 198 of the table",)


def test_all_combinations_need_no_constraint() -> None:
    rows = [f"{a},{b}," for a, b in product("ABCDEFGH", range(10, 20))]

    foreign = read("\n".join(["ligand,time,energy", *rows]))

    assert "constraints" not in file_of(foreign)
    assert foreign.notes == ("80 rows have no result: they say what can be tried",)


@pytest.mark.parametrize("source", ["csv", "edbo"])
def test_a_short_list_is_widened_or_kept(source: str) -> None:
    text = "ligand,time,energy\nA,1,5\nA,2,\nB,1,\nB,3,\n"

    foreign = read_foreign(
        Source(Path("t.csv"), text.encode(), {"energy": "minimize"}, campaign="c", table="t.csv"), source
    )

    said = file_of(foreign)
    assert ("constraints" in said) == (source == "edbo")
    assert source == "edbo" or foreign.notes == (
        "3 rows have no result: what stands in the table may be tried in any combination, 6 in all, not its 4 alone; "
        "hakken import --from edbo leaves out the others",
    )


def test_a_row_that_ended_without_a_value_has_a_result() -> None:
    foreign = read("ligand,time,energy,outcome\nA,1,5,\nA,2,,negative\nB,1,,\n")

    assert foreign.notes == ("1 row has no result: it says what can be tried",)
