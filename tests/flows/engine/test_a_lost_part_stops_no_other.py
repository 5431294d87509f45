"""One of several laboratories is out of reach: the others are asked, served and heard all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.engine import tick
from flows.settings import Settings
from loop.errors import PartUnavailable
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner


class Cable:
    """Every experiment in water goes to a bench of its own, which this cuts off."""

    def __init__(self, laboratory: FakeLaboratory) -> None:
        self.is_out = False
        self.ours: set[str] = set()
        real = {name: getattr(laboratory, name) for name in ("prepare", "start", "find", "status", "fetch")}

        def prepare(spec: Any, key: Any) -> Any:
            if spec.settings["solvent"] == "water":
                self.ours.add(str(key))
            return self.through(key, real["prepare"], spec, key)

        laboratory.prepare = prepare  # type: ignore[method-assign]
        for name in ("start", "find", "status", "fetch"):
            setattr(laboratory, name, lambda key, *rest, of=real[name]: self.through(key, of, key, *rest))

    def through(self, key: Any, ask: Any, *arguments: Any) -> Any:
        if self.is_out and str(key) in self.ours:
            raise PartUnavailable("water bench", "the cable is out")
        return ask(*arguments)


def test_the_others_go_on_and_what_was_in_doubt_runs_once_when_it_is_back(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    cable = Cable(laboratory)
    cable.is_out = True

    first = tick(settings, "small", planner=cheap_planner)
    cut = len(cable.ours)
    second = tick(settings, "small", planner=cheap_planner)

    assert 0 < cut < 4
    assert first.sent == 4 - cut
    assert first.pending == {"sending": cut, "submitted": 4 - cut}
    assert [n for n in first.notes if "cannot be reached" in n] == [
        "of the laboratory 'simulated', 'water bench' cannot be reached (water bench: the cable is out); "
        "asked again next time"
    ]
    assert second.accepted == 4 - cut  # results of the others are in

    cable.is_out = False
    for _ in range(6):
        tick(settings, "small", planner=cheap_planner)

    assert set(laboratory.starts.values()) == {1}
    assert cable.ours <= set(laboratory.starts)


def test_a_part_without_room_holds_up_no_other(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path)
    parts = {"water": 1, "rest": None}
    laboratory.limits = lambda: parts  # type: ignore[attr-defined]
    laboratory.takers = lambda spec: ["water" if spec.settings["solvent"] == "water" else "rest"]  # type: ignore[attr-defined]
    laboratory.part_of = lambda handle: laboratory.takers(laboratory.jobs[handle].spec)[0]  # type: ignore[attr-defined]
    at_once = []

    for _ in range(8):
        before = set(laboratory.starts)
        tick(settings, "small", planner=cheap_planner)
        new = [laboratory.jobs[key].spec.settings["solvent"] for key in set(laboratory.starts) - before]
        at_once.append((new.count("water"), len(new)))

    assert max(water for water, _ in at_once) == 1
    assert max(new for _, new in at_once) > 1
    assert set(laboratory.starts.values()) == {1}
