"""A campaign over a library too large for its record: planned, replayed, and refused where the library is missing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows import engine
from flows.libraries import reader
from flows.settings import Settings
from loop.errors import SpaceError
from loop.molecules import shelf
from loop.spec import CampaignSpec, build_space

SPEC = """\
campaign: screen
space:
  molecule: {type: molecule, file: library.smi}
objective: {response: {goal: maximize}}
planner: {batch: 2, surrogate: tanimoto, initial: {experiments: 3}}
budget: {experiments: 5}
laboratory: {adapter: simulated}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project whose library of 40 molecules counts as large."""
    monkeypatch.setattr(reader, "FEW", 10)
    (tmp_path / "library.smi").write_text("".join(f"{'C' * n}{end}\n" for n in range(1, 11) for end in "OFN"))
    (tmp_path / "screen.yaml").write_text(SPEC)
    return Settings(home=tmp_path / "runs", by="test")


def test_it_runs_and_replays(project: Settings, tmp_path: Path) -> None:
    name = engine.add_campaign(project, tmp_path / "screen.yaml")

    engine.run(project, name, on_tick=lambda _: None, poll=0.01)

    assert engine.replay(project, name, 2).is_identical


def test_the_record_says_which_member_won_on_the_batch_just_bought(project: Settings, tmp_path: Path) -> None:
    from flows.wiring import open_record

    text = SPEC.replace("surrogate: tanimoto", "surrogate: [tanimoto, trees]").replace(
        "experiments: 5", "experiments: 7"
    )
    (tmp_path / "screen.yaml").write_text(text)
    name = engine.add_campaign(project, tmp_path / "screen.yaml")

    engine.run(project, name, on_tick=lambda _: None, poll=0.01)

    with open_record(project) as ledger:
        second, third = (ledger.round(name, number) for number in (2, 3))
        said = [p for p in ledger.proposals(name, 2) if any(q.weight is not None for q in p.draft.predictions)]
    assert len(said) == 2
    assert "race" not in second.model  # nothing was predicted of the first batch
    race = third.model["race"]["response"]
    assert (race["round"], race["values"]) == (2, 2)
    assert race["won"] == max(race["log_density"], key=race["log_density"].get)
    assert set(race["weights"]) == {"tanimoto", "trees"}
    assert any(note.startswith("response: on the 2 values of round 2, before they were learnt") for note in third.notes)
    assert engine.replay(project, name, 3).is_identical


def test_the_record_holds_the_key_and_not_the_molecules(project: Settings, tmp_path: Path) -> None:
    from flows.wiring import open_record

    name = engine.add_campaign(project, tmp_path / "screen.yaml")

    with open_record(project) as ledger:
        said = ledger.campaign(name).spec["space"]["molecule"]
    assert "options" not in said
    assert (said["stored"]["molecules"], said["stored"]["source"]) == (30, "library.smi")
    space = build_space(CampaignSpec.from_resolved(_spec(project, name)))
    assert space.library is not None
    assert space.library.is_stored
    assert space.coordinates({"molecule": "CCF"}) == [4.0]
    assert space.smiles({"molecule": "CCF"}) == {"molecule": "CCF"}


def test_a_library_that_is_not_there_is_named(
    project: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "_shelves", [])  # other tests stored the same
    name = engine.add_campaign(project, tmp_path / "screen.yaml")
    said = _spec(project, name)
    shutil.rmtree(project.home / "libraries")

    with pytest.raises(SpaceError, match=r"the library of 'library.smi' \(\w+\) is not stored here; hakken library"):
        build_space(CampaignSpec.from_resolved(said))


def test_where_a_library_is_gone_the_status_tells_what_the_record_has_and_of_other_campaigns_all(
    project: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run(project, engine.add_campaign(project, tmp_path / "screen.yaml"), on_tick=lambda _: None, poll=0.01)
    (tmp_path / "other.yaml").write_text(
        SPEC.replace("screen", "other").replace("file: library.smi", "options: {a: CC}")
    )
    engine.add_campaign(project, tmp_path / "other.yaml")
    before, _ = engine.status(project)
    monkeypatch.setattr(shelf, "_shelves", [])  # other tests stored the same
    shutil.rmtree(project.home / "libraries")

    screen, other = engine.status(project)

    assert "the library of 'library.smi'" in screen.next_step
    assert "hakken library build with the campaign file stores it again" in screen.next_step
    assert replace(screen, next_step=before.next_step) == before
    assert (screen.experiments_done, len(screen.best)) == (5, 1)
    assert "first batch" in other.next_step or "hakken run other" in other.next_step


def _spec(project: Settings, name: str) -> dict[str, object]:
    from flows.wiring import open_record

    with open_record(project) as ledger:
        return dict(ledger.campaign(name).spec)
