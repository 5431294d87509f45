"""Curves of many runs: areas, worst deciles and experiments needed, in a table, a CSV file and a page."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from curves import Curve, areas, grouped, shared, table_of, write_csv, write_page
from planners import _marks, own_runs, part_of

PART = part_of("baumgartner", "by 5", "own")


def curve(method: str, seed: int, best: list[float], batch: int = 2) -> Curve:
    return Curve(PART, method, seed, tuple(best), batch, (0.5,))


def test_an_area_is_the_mean_after_each_batch_and_needed_counts_experiments() -> None:
    found = curve("a", 0, [0.1, 0.4, 0.4, 0.8, 0.96, 0.96])

    assert found.area == pytest.approx((0.4 + 0.8 + 0.96) / 3)
    assert found.needed == 5
    assert curve("a", 0, [0.1, 0.4]).needed == 3


def test_methods_are_compared_on_the_seeds_that_both_have() -> None:
    first = {s: curve("a", s, [0.5, 0.6 + s / 10]) for s in range(3)}
    other = {s: curve("b", s, [0.5, 0.5 + s / 10]) for s in (1, 2, 5)}

    assert shared(first, other) == [1, 2]
    rows = table_of({"a": first, "b": other})
    assert rows[0][4] == "a ahead"
    assert rows[2][:2] == ["b", "3"]
    assert float(rows[2][4]) == pytest.approx(0.1)
    assert np.allclose(areas(first, [0, 2]), [0.6, 0.8])


def test_everything_is_in_the_file_and_on_the_page(tmp_path: Path) -> None:
    curves = [curve(m, s, [0.2, 0.5 + 0.1 * s]) for m in ("a", "<b>") for s in range(2)]

    write_csv(tmp_path / "c.csv", curves)
    write_page(tmp_path / "c.html", "Curves", "of a test", curves, ["mark x: 1 holds"])

    with (tmp_path / "c.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert rows[3] == {"part": PART, "method": "a", "seed": "1", "experiment": "2", "best_share_of_optimum": "0.6"}
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page
    assert page.count("<polygon") == 2
    assert "mark x: 1 holds" in page


def test_marks_tell_ahead_from_behind() -> None:
    ahead = [curve("hakken", s, [0.9, 0.97]) for s in range(4)]
    behind = [curve("baybe", s, [0.5, 0.6 + 0.01 * s]) for s in range(4)]

    def value(curves: list[Curve], start: str) -> float:
        return next(m.value for m in _marks(grouped(curves), ["baybe"]) if m.name.startswith(start))

    assert value(ahead + behind, "area ahead of baybe, mean") == pytest.approx(0.97 - 0.615)
    assert value(ahead + behind, "area against the best peer") > 3
    assert value(ahead + behind, "experiments to 95 %") == pytest.approx(2 / 3)
    assert value(ahead + behind, "worst decile") > 0.3


def test_an_own_start_is_chosen_and_a_random_one_is_shared(tmp_path: Path) -> None:
    file = tmp_path / "baumgartner_cn/baumgartner_aniline_cn_crosscoupling.csv"
    file.parent.mkdir()
    lines = [",catalyst,base,base_equivalents,temperature,t_res,yld", "TYPE,DATA,DATA,DATA,DATA,DATA,DATA"]
    lines += [f"{i},{'ab'[i % 2]},{'xyz'[i % 3]},{1 + i % 4},{30 + 10 * (i % 5)},{60 + i},{i / 70}" for i in range(60)]
    file.write_text("\n".join(lines), encoding="utf-8")

    one, two, best = (own_runs(m, "baumgartner", "by 5", "random", 3, tmp_path) for m in ("hakken", "random", "oracle"))
    own = own_runs("hakken", "baumgartner", "by 5", "own", 3, tmp_path)

    assert one.best[:5] == two.best[:5] == best.best[:5]
    assert set(best.best[5:]) == {1.0}  # the oracle's first own choice is the optimum
    assert one.best[:5] != own.best[:5]
    assert len(own.best) == 50
    assert own.best[-1] <= 1.0
