"""The suite fails on each adapter that was broken on purpose, exactly where it should, and nowhere on a sound one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loop.testing.adapter import AdapterContract, wait_for_end
from tests.adapters.broken import BROKEN, Bench
from tests.adapters.helpers import EXPERIMENT


def failing_tests(adapter: type[Bench], folder: Path) -> set[str]:
    """Names of the suite's tests that fail on ``adapter``; each test has a folder of its own."""
    failed = set()
    for name, test in inspect.getmembers(AdapterContract, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        for number, arguments in enumerate(cases(test)):
            place = folder / name / str(number)
            place.mkdir(parents=True)
            fixtures = {
                "make_adapter": lambda place=place: adapter(place),
                "experiment": EXPERIMENT,
                "refused": replace(EXPERIMENT, targets={"colour": ""}),
                "count_runs": lambda key, place=place: count(place / "runs.txt", key),
                "finish": lambda a, h: wait_for_end(a, h, seconds=0.0),
                "foreseen": adapter.foreseen,
                "shuffles": 100 if "test_calls_in_any_order_keep_the_laws" in adapter.caught_by else 3,
            }
            wanted = [p for p in inspect.signature(test).parameters if p in fixtures]
            try:
                test(AdapterContract(), **{p: fixtures[p] for p in wanted}, **arguments)
            except Exception:
                failed.add(name)
    return failed


def cases(test: Any) -> Iterator[dict[str, Any]]:
    """The arguments of each parametrised case, ``{}`` for a plain test."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    if not marks:
        yield {}
        return
    (mark,) = marks
    yield from ({mark.args[0]: value} for value in mark.args[1])


def count(runs: Path, key: str) -> int:
    return runs.read_text().splitlines().count(key) if runs.exists() else 0


def test_a_sound_adapter_passes_every_test(tmp_path: Path) -> None:
    assert failing_tests(Bench, tmp_path) == set()


@pytest.mark.parametrize("adapter", BROKEN, ids=lambda adapter: adapter.__name__)
def test_a_broken_adapter_fails_exactly_where_it_is_broken(adapter: type[Bench], tmp_path: Path) -> None:
    assert adapter.caught_by
    assert failing_tests(adapter, tmp_path) == adapter.caught_by


def test_every_law_is_seen_to_fail() -> None:
    laws = {name for name, _ in inspect.getmembers(AdapterContract, inspect.isfunction) if name.startswith("test_")}

    assert laws - set().union(*(adapter.caught_by for adapter in BROKEN)) == set()
