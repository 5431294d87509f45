"""Curves: the best value so far of every run, as a table in CSV and as one page that works offline.

For each problem and start the page shows the mean of each method with its 95 % interval, and says what a mean hides:
the worst decile of the areas, how many experiments it took to come near the optimum, and what a batch cost.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from flows.report.svg import Axis, drawing, element, polyline

NEAR = 0.95  # of the optimum
COLOURS = ("#0b6e4f", "#b5432a", "#33658a", "#8a5a00", "#6a4c93", "#555555", "#a23b72", "#2f9c95")
LETTER = 7.0  # width of a letter of the legend
DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 3", "4 2", "10 2 2 2")  # methods differ without colour too


@dataclass(frozen=True)
class Curve:
    """One run.

    Attributes:
        part: What it belongs to, such as the problem, the batch and the start.
        best: Best value so far after each experiment, as a share of the optimum, shape ``(n,)``.
        batch: Experiments chosen together.
        seconds: Processor time of each batch that was chosen.
    """

    part: str
    method: str
    seed: int
    best: tuple[float, ...]
    batch: int
    seconds: tuple[float, ...]

    @property
    def area(self) -> float:
        """The mean of the best so far over the batches."""
        return float(np.mean(self.best[self.batch - 1 :: self.batch]))

    @property
    def needed(self) -> int:
        """Experiments until it was near the optimum; one more than there were where it never was."""
        reached = np.flatnonzero(np.array(self.best) >= NEAR)
        return int(reached[0]) + 1 if len(reached) else len(self.best) + 1


def grouped(curves: Sequence[Curve]) -> dict[str, dict[str, dict[int, Curve]]]:
    """By part, method and seed, in the order in which they come."""
    found: dict[str, dict[str, dict[int, Curve]]] = {}
    for curve in curves:
        found.setdefault(curve.part, {}).setdefault(curve.method, {})[curve.seed] = curve
    return found


def areas(runs: Mapping[int, Curve], seeds: Sequence[int]) -> NDArray[np.float64]:
    """The areas of runs with these seeds, in their order."""
    return np.array([runs[seed].area for seed in seeds])


def shared(*runs: Mapping[int, Curve]) -> list[int]:
    """The seeds that all have."""
    return sorted(set.intersection(*(set(r) for r in runs)))


def options(parser: argparse.ArgumentParser) -> None:
    """Where curves are written besides."""
    parser.add_argument("--csv", type=Path, help="also write every curve to this file")
    parser.add_argument("--page", type=Path, help="also draw the curves on this page, which works offline")


def write(
    args: argparse.Namespace,
    title: str,
    told: str,
    curves: Sequence[Curve],
    lines: Sequence[str],
    what: str = "best so far",
) -> None:
    """What ``options`` asked for: each run's curve as CSV, and the page; ``what`` the curves show."""
    if args.csv:
        write_csv(args.csv, curves)
    if args.page:
        write_page(args.page, title, told, curves, lines, what)


def write_csv(path: Path, curves: Sequence[Curve]) -> None:
    """One row for each experiment of each run."""
    temporary = path.with_suffix(path.suffix + ".part")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["part", "method", "seed", "experiment", "best_share_of_optimum"])
        for c in curves:
            rows.writerows([c.part, c.method, c.seed, i + 1, f"{v:.6g}"] for i, v in enumerate(c.best))
    temporary.replace(path)


def write_page(
    path: Path, title: str, told: str, curves: Sequence[Curve], lines: Sequence[str], what: str = "best so far"
) -> None:
    """The page; ``lines`` are what the program printed of its marks, ``what`` is what the curves show."""
    sections = Markup("").join(_section(part, methods, what) for part, methods in grouped(curves).items())
    marks = Markup("").join(element("li", line) for line in lines)
    style = Markup(
        "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;display:block;overflow-x:auto}td,th{padding:.2rem .6rem;text-align:right}"
        "td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}svg text{font-size:12px}"
    )
    page = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1><p>{told}</p>"
        "<h2>Marks</h2><ul>{marks}</ul>{sections}</body></html>"
    ).format(title=title, told=told, style=style, marks=marks, sections=sections)
    temporary = path.with_suffix(path.suffix + ".part")
    temporary.write_text(str(page), encoding="utf-8")
    temporary.replace(path)


def table_of(methods: Mapping[str, Mapping[int, Curve]]) -> list[list[str]]:
    """For each method, the first being compared with all others: runs, area, difference, what means hide, cost."""
    first = next(iter(methods.values()))
    rows = [
        [
            "method",
            "runs",
            "area",
            "s.e.",
            f"{next(iter(methods))} ahead",
            "s.e.",
            "worst decile",
            f"to {NEAR:.0%}",
            "s/batch",
        ]
    ]
    for name, runs in methods.items():
        both = shared(first, runs)
        mine, gap = areas(runs, sorted(runs)), areas(first, both) - areas(runs, both)
        needed = float(np.mean([c.needed for c in runs.values()]))
        cost = [s for c in runs.values() for s in c.seconds]
        rows.append([
            name, str(len(runs)), f"{mine.mean():.3f}", _error(mine), f"{gap.mean():.3f}", _error(gap),
            f"{np.quantile(mine, 0.1):.3f}", f"{needed:.1f}", f"{np.median(cost):.2f}" if cost else "",
        ])  # fmt: skip
    return rows


def _error(values: NDArray[np.float64]) -> str:
    return f"{values.std(ddof=1) / np.sqrt(len(values)):.3f}" if len(values) > 1 else ""


def _section(part: str, methods: Mapping[str, Mapping[int, Curve]], what: str) -> Markup:
    rows = table_of(methods)
    head = element("tr", *(element("th", cell) for cell in rows[0]))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows[1:])
    return element("section", element("h2", part), _chart(part, methods, what), element("table", head, *body))


def _chart(part: str, methods: Mapping[str, Mapping[int, Curve]], what: str) -> Markup:
    """Mean curve with its 95 % interval, against experiments."""
    values = {name: np.array([c.best for c in runs.values()]) for name, runs in methods.items()}
    n = max(v.shape[1] for v in values.values())
    across = Axis(1, n, 50, 560)
    up = Axis(min(0.5, min(float(v.mean(0).min()) for v in values.values())), 1.0, 290, 15)
    drawn = [
        element("line", x1=50, x2=560, y1=up(t), y2=up(t), stroke="#ddd") for t in up.ticks(6)
    ] + [element("text", f"{t:g}", x=44, y=up(t) + 4, text_anchor="end") for t in up.ticks(6)]  # fmt: skip
    drawn += [element("text", f"{t:g}", x=across(t), y=308, text_anchor="middle") for t in across.ticks(8)]
    drawn.append(element("text", "experiments", x=305, y=326, text_anchor="middle"))
    for place, (name, v) in enumerate(values.items()):
        colour, dash = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
        mean = v.mean(0)
        half = 1.96 * v.std(0, ddof=1) / np.sqrt(len(v)) if len(v) > 1 else np.zeros_like(mean)
        xs = [across(i + 1) for i in range(len(mean))]
        band = [(x, up.clamp(y)) for x, y in zip(xs, mean + half, strict=True)]
        band += [(x, up.clamp(y)) for x, y in zip(xs[::-1], (mean - half)[::-1], strict=True)]
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in band)
        drawn.append(element("polygon", points=outline, fill=colour, fill_opacity="0.12", stroke="none"))
        line = [(x, up.clamp(y)) for x, y in zip(xs, mean, strict=True)]
        y = 20 + 18 * place
        for points in (line, [(575, y - 4), (605, y - 4)]):
            drawn.append(polyline(points, stroke=colour, stroke_width=2, stroke_dasharray=dash or None))
        drawn.append(element("text", name, x=611, y=y))
    label = f"{part}: mean {what} against experiments, with 95 % intervals, of {', '.join(map(str, methods))}"
    return drawing(max(720.0, 620.0 + LETTER * max(map(len, values))), 335, str(escape(label)), *drawn)
