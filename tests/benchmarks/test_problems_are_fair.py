"""Problems made from small tables: what is told, what is drawn, what is true."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from contest import hakken, run
from problems import PROBLEMS, Problem, load_problem, snar_values


def write(file: Path, header: list[str] | None, rows: list[list[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as handle:
        csv.writer(handle).writerows([*([header] if header else []), *rows])


@pytest.fixture
def barrels(tmp_path: Path) -> Problem:
    """Eight designs, three replicates each."""
    rows = [[n, 0, r, 0.7, 10 * n + r + k] for n in (6, 8, 10, 12) for r in (1.5, 1.6) for k in (0, 1, 5)]
    write(tmp_path / "crossed_barrel/crossed_barrel_dataset.csv", ["n", "theta", "r", "t", "toughness"], rows)
    return load_problem("crossed_barrel", tmp_path)


def test_rows_with_the_same_settings_are_replicates(barrels: Problem) -> None:
    assert barrels.rows is not None
    assert len(barrels.rows) == 8
    assert [d.shape for d in barrels.draws] == [(3, 1)] * 8
    assert barrels.optimum == pytest.approx(120 + 1.6 + 2)


def test_each_replicate_is_drawn_once_before_any_comes_again(barrels: Problem) -> None:
    assert barrels.rows is not None
    row = barrels.rows[3]
    drawn = [barrels.observe(row, 5, [row] * k)["toughness"] for k in range(4)]

    assert sorted(drawn[:3]) == sorted(barrels.draws[3][:, 0])
    assert drawn[3] == drawn[0]


def test_luck_and_starts_depend_on_the_seed_alone(barrels: Problem) -> None:
    assert barrels.rows is not None
    starts = [barrels.start(seed, 4) for seed in range(5)]

    assert starts == [barrels.start(seed, 4) for seed in range(5)]
    assert len({str(s) for s in starts}) > 1
    luck = [barrels.observe(barrels.rows[0], seed)["toughness"] for seed in range(20)]
    assert len(set(luck)) == 3


def test_a_campaign_never_leaves_the_rows(barrels: Problem) -> None:
    done = run(hakken(surrogate="gp"), barrels, 0, q=2, n=6)

    assert len({barrels.row(o["settings"]) for o in done["observed"]}) == 6
    assert len(done["seconds"]) == 2


def test_headless_tables_are_read_with_the_right_columns(tmp_path: Path) -> None:
    rows = [["6", "A", 120, 0, 0.1, 0.5, 0.6, 2.0], ["12", "B", 108, 12, 0.2, 0.4, 0.3, 3.0]]
    write(tmp_path / "olympus_dev/lnp3/data.csv", None, rows)

    problem = load_problem("lnp3", tmp_path)

    assert problem.targets == ("drug_loading", "encap_efficiency", "particle_diameter")
    assert problem.truth.tolist() == [[0.5, 0.6, 2.0], [0.4, 0.3, 3.0]]
    assert problem.signs.tolist() == [1, 1, -1]
    assert problem.row({"drug_input": 12.0, "solid_lipid": "B", "solid_lipid_input": 108.0,
                        "liquid_lipid_input": 12.0, "surfactant_input": 0.2}) == 1  # fmt: skip


def test_the_kinetics_keep_mass_and_limits() -> None:
    slow = {"residence_time": 0.5, "equivalents": 1.0, "concentration": 0.1, "temperature": 30.0}
    fast = {"residence_time": 2.0, "equivalents": 1.5, "concentration": 0.5, "temperature": 100.0}
    # all of the halide as the ortho product: 0.5 mol/L of 210.21 g/mol in two minutes
    ceiling = 0.5 * 210.21 * 30

    assert snar_values(slow)[0] < snar_values(fast)[0] < ceiling
    assert snar_values(fast)[1] > 789 / (0.5 * 210.21)
    assert np.isfinite([snar_values(slow), snar_values(fast)]).all()


def test_an_unknown_problem_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="direct_arylation"):
        load_problem("suzuki", tmp_path)
    assert "perovskite_vapdiff" in PROBLEMS


def test_two_rows_with_the_same_settings_are_refused() -> None:
    spec = {"space": {"a": {"type": "number", "values": [1.0, 2.0]}}, "objective": {"y": {"goal": "maximize"}}}

    with pytest.raises(ValueError, match="merge them as replicates"):
        Problem("twice", spec, ({"a": 1.0}, {"a": 1.0}))


def test_peers_get_a_class_as_a_number_and_hakken_as_a_level() -> None:
    spec = {
        "campaign": "classes",
        "space": {"a": {"type": "number", "values": [1.0, 2.0]}},
        "objective": {"score": {"goal": "maximize", "low": 1, "high": 3}},
        "budget": {"experiments": 5},
        "laboratory": {"adapter": "emulator"},
    }
    draws = (np.array([[1.0]]), np.array([[3.0]]))
    problem = Problem("classes", spec, ({"a": 1.0}, {"a": 2.0}), draws, levels={"score": (1, 2, 3)})

    assert problem.question["spec"]["objective"]["score"] == {"goal": "maximize", "low": 1, "high": 3}
    assert problem.planner_spec().objective["score"].levels == [1, 2, 3]
