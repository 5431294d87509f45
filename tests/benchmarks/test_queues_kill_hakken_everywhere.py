"""The bad day in queues kills hakken at every checkpoint that there is, and says where it did not die."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tblite", reason="the molecules are computed by xtb: pip install 'hakken[xtb]'")

import queues

from flows.settings import Settings

ROOT = Path(__file__).parents[2]


def checkpoints(path: str) -> set[str]:
    return set(re.findall(r'reached\("([^"]+)"\)', (ROOT / path).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("executor", "modules"),
    [
        ("local", ["local"]),
        ("slurm", ["slurm/executor", "slurm/queue"]),
        ("arrays", ["slurm/arrays"]),
        ("dask", ["dask"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_checkpoint_of_an_executor_is_left_out(executor: str, modules: list[str]) -> None:
    found = [checkpoints(f"adapters/executors/{module}.py") for module in modules]

    assert set(queues.OWN[executor]) == set().union(*found)


@pytest.mark.parametrize("step", ["dispatching", "reconciling", "ingesting", "proposing"])
def test_no_checkpoint_of_the_engine_is_left_out(step: str) -> None:
    assert checkpoints(f"flows/engine/steps/{step}.py") <= {*queues.labels("local"), *queues.LAST}


class Scripted:
    """A zygote whose process dies at some places, and that a timer kills otherwise until the campaign is over."""

    def __init__(self, mortal: set[str], timers: int) -> None:
        self.mortal, self.timers, self.is_over = mortal, timers, False

    def ask(self, home: Path, *, environ: dict[str, str], kill_after: float | None = None) -> int:
        label = environ.get("HAKKEN_CRASH_AT")
        if kill_after is not None and self.timers:
            self.timers -= 1
            return -9
        self.is_over = self.is_over or label in (None, *queues.LAST)
        return -9 if label in self.mortal else 0


@pytest.mark.parametrize("timers", [2, 5])
def test_a_place_where_it_does_not_die_is_no_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timers: int
) -> None:
    zygote: Any = Scripted({"tick.leased", "ingest.stored", *queues.LAST}, timers)
    monkeypatch.setattr(queues, "is_over", lambda _settings: zygote.is_over)
    befallen: list[int] = []

    died, at_random, ended = queues.kill(
        zygote, Settings(tmp_path), {}, queues.labels("dask"), random.Random(0), 3, befallen.append
    )

    assert died == ["tick.leased", "ingest.stored", *queues.LAST]
    assert (at_random, ended) == (min(timers, 3), 0)
    assert befallen == list(range(1, len(befallen) + 1))
