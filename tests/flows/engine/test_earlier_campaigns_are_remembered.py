"""Memory: earlier campaigns and tables of others are read from the record, said with each round, and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import pin, replay, retract, tell, tick
from flows.engine.sources.hearing import SAME, SOURCES, read_of, sources_of
from flows.settings import Settings
from loop.planner import Plan
from loop.planner import plan as real_planner
from loop.record import Arm
from loop.spec import CampaignSpec
from tests.flows.engine.memories import SPACE, campaign, extra, first_round, planned, table


@pytest.fixture
def remembering(settings: Settings, tmp_path: Path) -> str:
    """A campaign whose memory holds another one with twelve results."""
    tell(settings, campaign(settings, tmp_path, "before"), table(tmp_path), by="A")
    return campaign(settings, tmp_path, "later", memory="auto")


def test_what_was_read_is_on_record_with_the_round_and_the_round_replays(settings: Settings, remembering: str) -> None:
    planned(settings, remembering)

    stored = first_round(settings, remembering)
    assert list(stored.model[SOURCES]) == ["before"]
    assert len(stored.model[SOURCES]["before"]["observations"]) == 12
    assert stored.model["sources"]["yield"][0]["source"] == "before"
    assert any(note.startswith("source 'before' is heard on yield") for note in stored.notes)
    assert replay(settings, remembering, 1).is_identical


def test_a_round_replays_from_what_was_read_then(settings: Settings, remembering: str, tmp_path: Path) -> None:
    planned(settings, remembering)
    tell(settings, "before", extra(tmp_path, "water,KOAc,4,99"), by="A")
    with open_ledger(settings.database) as ledger:
        first = ledger.observations("before")[0].id
    retract(settings, "before", first, by="A", why="wrong vial")

    assert replay(settings, remembering, 1).is_identical


def test_what_is_predicted_of_a_pinned_candidate_has_heard_the_sources_too(
    settings: Settings, remembering: str, tmp_path: Path
) -> None:
    tell(settings, remembering, table(tmp_path, 6, "own.csv"), by="A")  # which the source predicts
    pin(settings, remembering, ["solvent=water", "base=DBU", "time=4"], by="A", why="to see")

    planned(settings, remembering)

    with open_ledger(settings.database) as ledger:
        proposals = [p.draft for p in ledger.proposals(remembering, 1)]
    members = [{p.member for p in draft.predictions} for draft in proposals]
    assert Arm.MANUAL in {draft.arm for draft in proposals}
    assert "gp+before" in members[0]
    assert all(found == members[0] for found in members)
    assert replay(settings, remembering, 1).is_identical


def test_what_a_source_expected_of_the_first_batch_is_no_prediction_of_the_campaigns_own(
    settings: Settings, remembering: str, tmp_path: Path
) -> None:
    """How wide a regret is stated follows the campaign's models, not what a source said before the first result."""
    planned(settings, remembering)
    fill_in(settings, remembering, tmp_path)
    planned(settings, remembering)
    fill_in(settings, remembering, tmp_path)
    planned(settings, remembering)

    with open_ledger(settings.database) as ledger:
        first = [p.draft for p in ledger.proposals(remembering, 1)]
        told = ledger.round(remembering, 3).model["regret"]
    assert {d.acquisition for d in first} == {"first", ""}
    assert all(d.predictions for d in first)
    assert told["checked"] == 3  # those of the second round
    assert all(replay(settings, remembering, n).is_identical for n in (1, 2, 3))


def test_sources_that_share_alike_are_heard_in_an_order_that_the_record_keeps(
    settings: Settings, tmp_path: Path
) -> None:
    for number, name in enumerate(("zeta", "eta", "beta", "alpha")):  # one more than are heard at once
        path = table(tmp_path, name=f"{name}.csv")
        lines = [f"{line}.{number}" for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        path.write_text("\n".join(["solvent,base,time,yield", *lines]) + "\n", encoding="utf-8")
        tell(settings, campaign(settings, tmp_path, name), path, by="A")
    later = campaign(settings, tmp_path, "later", memory="auto")

    planned(settings, later)
    fill_in(settings, later, tmp_path)
    planned(settings, later)

    for number in (1, 2):
        again = replay(settings, later, number)
        assert again.is_identical, again.differences
        assert set(again.notes) <= set(first_round(settings, later, number).notes)


def test_a_round_that_read_the_same_says_which_did_first(settings: Settings, remembering: str, tmp_path: Path) -> None:
    planned(settings, remembering)
    for number in (2, 3):
        fill_in(settings, remembering, tmp_path)
        planned(settings, remembering)
        assert first_round(settings, remembering, number).model[SOURCES] == {SAME: 1}

    with open_ledger(settings.database) as ledger:
        reads = [read_of(ledger, remembering, ledger.round(remembering, n)) for n in (1, 3)]
    assert reads[0] == reads[1]
    assert replay(settings, remembering, 3).is_identical


def fill_in(settings: Settings, name: str, folder: Path) -> None:
    """Results for everything that waits."""
    with open_ledger(settings.database) as ledger:
        waiting = [a for a in ledger.attempts(name) if a.state.value not in ("ended", "expired")]
    path = folder / "filled.csv"
    rows = [f"{a.key},{10 + i * 7}" for i, a in enumerate(waiting)]
    path.write_text("\n".join(["key,yield", *rows]) + "\n", encoding="utf-8")
    assert tell(settings, name, path, by="A").accepted == len(waiting) > 0


@pytest.mark.parametrize("memory", [None, "off"])
def test_without_a_memory_nothing_is_read(settings: Settings, tmp_path: Path, memory: str | None) -> None:
    tell(settings, campaign(settings, tmp_path, "before"), table(tmp_path), by="A")
    name = campaign(settings, tmp_path, "later", **({} if memory is None else {"memory": memory}))

    planned(settings, name)

    assert SOURCES not in first_round(settings, name).model


def test_a_campaign_that_memory_names_and_the_record_lacks_is_noted(settings: Settings, tmp_path: Path) -> None:
    name = campaign(settings, tmp_path, "later", memory=["lost"])

    planned(settings, name)

    assert (
        "memory names 'lost', which is not on record; hakken status lists what is" in first_round(settings, name).notes
    )


def test_a_campaign_that_memory_nearly_names_is_hinted_at(settings: Settings, tmp_path: Path) -> None:
    campaign(settings, tmp_path, "bromides")
    name = campaign(settings, tmp_path, "later", memory=["bromide"])

    planned(settings, name)

    wanted = "memory names 'bromide', which is not on record (did you mean 'bromides'?); hakken status lists what is"
    assert wanted in first_round(settings, name).notes


def test_a_campaign_with_another_target_is_not_read(settings: Settings, tmp_path: Path) -> None:
    other = campaign(settings, tmp_path, "other", objective={"ee": {"goal": "maximize"}})
    path = tmp_path / "ee.csv"
    path.write_text(table(tmp_path).read_text(encoding="utf-8").replace("yield", "ee"), encoding="utf-8")
    tell(settings, other, path, by="A")
    name = campaign(settings, tmp_path, "later", memory="auto")

    planned(settings, name)

    assert SOURCES not in first_round(settings, name).model


def test_of_more_campaigns_than_are_read_those_with_the_most_parameters_in_common_are(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.engine.sources.hearing.MOST", 1)
    less = {name: said for name, said in SPACE.items() if name != "time"}
    tell(settings, campaign(settings, tmp_path, "far", space=less), short(tmp_path), by="A")
    for name in ("near", "newer"):
        tell(settings, campaign(settings, tmp_path, name), table(tmp_path), by="A")
    campaign(settings, tmp_path, "later", memory="auto")

    with open_ledger(settings.database) as ledger:
        spec = CampaignSpec.from_record(ledger.campaign("later").spec)
        _, read, notes = sources_of(ledger, spec)

    assert list(read) == ["near"]
    assert "memory: 2 more with targets in common were not read" in notes[0]


def short(folder: Path) -> Path:
    """Results of a campaign that varies no time."""
    path = folder / "short.csv"
    path.write_text("solvent,base,yield\nwater,KOAc,12\nEtOH,DBU,45\n", encoding="utf-8")
    return path


def test_a_plan_without_sources_asks_the_planner_as_before(settings: Settings, tmp_path: Path) -> None:
    """A planner that knows nothing of sources still serves campaigns that have none."""
    asked: list[dict[str, Any]] = []

    def planner(*args: Any, **keywords: Any) -> Plan:
        asked.append(keywords)
        return real_planner(*args, **keywords)

    tick(settings, campaign(settings, tmp_path, "own"), planner=planner)

    assert "earlier" not in asked[0]
