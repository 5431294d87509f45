"""Law 4 and the promise of the tick: killed at any labelled point, a campaign goes on as if nothing had happened."""

from __future__ import annotations

import random
import re
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import run
from flows.settings import Settings
from loop.experiment import State
from loop.record import CampaignState
from tests.flows.engine.bench import TROUBLED, Story, add, cheap_planner, executions, story_of
from tests.flows.engine.zygote import ROOT, Zygote

MUCH = {"experiments": 40}
SMALL: dict[str, Any] = {  # three batches, and every kind of trouble
    "laboratory": TROUBLED,
    "planner": {"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 3}, "seed": 10},
    "budget": {"experiments": 7},
}
IN_A_RUN = [
    "tick.leased",
    "tick.released",
    "reconcile.found",
    "reconcile.started",
    "reconcile.stored",
    "ingest.fetched",
    "ingest.stored",
    "ingest.judged",
    "propose.planned",
    "propose.stored",
    "propose.finished",
    "dispatch.judged",
    "dispatch.claimed",
    "dispatch.prepared",
    "dispatch.started",
    "dispatch.accepted",
    "report.written",
    "work.before-commit",
    "work.after-commit",
    "folder.prepared",
    "folder.started",
]
IN_TRAINING = ["train.planned", "train.stored"]
OF_FILES = ["raw.kept", "raw.brought", "raw.received", "reanalyse.stored"]  # test_instrument_files_are_taken_in.py
OF_MESSAGES = ["inbox.kept", "inbox.stored", "inbox.judged"]  # killed at in tests/flows/webhooks
OF_PLATES = ["dispatch.closed", "withdraw.taken-off"]  # test_robots_survive_a_killed_engine.py
OF_SAFETY = ["halt.cancelled"]  # test_a_safety_stop_halts.py
OF_FAULTS = ["look.stopped"]
OF_CLIENTS = [
    "ask.handed",
    "ask.given-back",
    "client.stored",
    "client.judged",
]  # test_experiments_are_asked_for_once.py
BY_A_PERSON = ["tell.stored", "tell.judged", "approve.decided", "campaign.remembered", "withdraw.expired"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> tuple[Story, Counter[str]]:
    """What the campaign comes to when nobody kills it."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    settings = Settings(folder / "runs")
    add(settings, folder, **SMALL)
    assert zygote.ask(settings.home) == 0
    return story_of(settings), executions(settings)


def test_at_least_fifteen_crash_points_lie_in_the_flows() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "flows").rglob("*.py"))
    labels = set(re.findall(r'reached\("([\w.-]+)"\)', text))

    assert len(labels) >= 15
    assert labels <= {
        *IN_A_RUN,
        *IN_TRAINING,
        *OF_FILES,
        *OF_MESSAGES,
        *OF_PLATES,
        *OF_SAFETY,
        *OF_FAULTS,
        *OF_CLIENTS,
        *BY_A_PERSON,
    }  # each is killed at, below


@pytest.mark.parametrize("label", IN_A_RUN)
def test_killed_at(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote, uninterrupted: tuple[Story, Counter[str]]
) -> None:
    add(settings, tmp_path, **SMALL)
    with_page = label == "report.written"
    died = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label}, page=with_page)
    # And once more, further on; a label that is reached less often lets it run to the end.
    more = {"HAKKEN_CRASH_AT": label, "HAKKEN_CRASH_COUNT": "3"}
    assert zygote.ask(settings.home, environ=more) in (-signal.SIGKILL, 0)

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)

    assert died == -signal.SIGKILL
    assert (story_of(settings), executions(settings)) == uninterrupted


def test_killed_at_random_moments(
    settings: Settings, tmp_path: Path, zygote: Zygote, uninterrupted: tuple[Story, Counter[str]]
) -> None:
    add(settings, tmp_path, **SMALL)
    moments = random.Random(3)
    kills = 0
    for _ in range(12):
        if zygote.ask(settings.home, kill_after=moments.uniform(0.01, 0.25)) == 0:
            break
        kills += 1

    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)

    assert kills > 0
    assert (story_of(settings), executions(settings)) == uninterrupted


@pytest.mark.parametrize("label", IN_TRAINING)
def test_training_apart_is_killed_and_done_again(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote, uninterrupted: tuple[Story, Counter[str]]
) -> None:
    from flows.engine.steps.training import train_round

    add(settings, tmp_path, **SMALL)
    died = zygote.ask(settings.home, "train", arguments={"round": 1}, environ={"HAKKEN_CRASH_AT": label})

    train_round(settings, "small", 1, planner=cheap_planner)
    run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.02)

    assert died == -signal.SIGKILL
    assert (story_of(settings), executions(settings)) == uninterrupted


@pytest.mark.parametrize("label", ["tell.stored", "tell.judged", "ingest.judged", "work.after-commit"])
def test_a_told_file_is_taken_in_once_wherever_it_was_killed(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    from flows.engine import tell

    add(settings, tmp_path)
    file = tmp_path / "results.csv"
    file.write_text("solvent,base,step,yield\nwater,DBU,1,10\nDMF,KOAc,2,20\n", encoding="utf-8")
    told = {"file": str(file)}
    died = zygote.ask(settings.home, "tell", arguments=told, environ={"HAKKEN_CRASH_AT": label})

    tell(settings, "small", file, by="tester")

    assert died == -signal.SIGKILL
    assert sorted(o[-1].measurements[0].value for o in story_of(settings).results) == [10.0, 20.0]


@pytest.mark.parametrize("label", ["approve.decided", "work.before-commit", "work.after-commit"])
def test_an_approval_counts_once_wherever_it_was_killed(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    from flows.engine import approve, tick
    from loop.errors import LedgerError

    add(settings, tmp_path, laboratory={"adapter": "simulated", "approval": "person"})
    tick(settings, "small", planner=cheap_planner)
    died = zygote.ask(settings.home, "approve", arguments={"round": 1}, environ={"HAKKEN_CRASH_AT": label})

    if label == "work.before-commit":
        approve(settings, "small", 1, by="tester")
    else:
        with pytest.raises(LedgerError, match="waits for no decision"):
            approve(settings, "small", 1, by="tester")

    assert died == -signal.SIGKILL
    assert len(story_of(settings).attempts) == 4


@pytest.mark.parametrize("label", ["withdraw.expired", "work.before-commit", "work.after-commit"])
def test_what_was_forbidden_before_it_was_sent_is_sent_nowhere_it_was_killed(
    label: str, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    from flows.engine import approve, tick

    person = {"adapter": "simulated", "approval": "person"}
    add(settings, tmp_path, laboratory=person)
    tick(settings, "small", planner=cheap_planner)
    approve(settings, "small", 1, by="tester")
    with open_ledger(settings.database) as ledger:
        gone = dict(ledger.attempts("small")[0].settings)
    rule = {"name": "unstable", "exclude": {name: [value] for name, value in gone.items()}}
    add(settings, tmp_path, laboratory=person, constraints=[rule])

    died = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label})
    zygote.ask(settings.home)

    assert died == -signal.SIGKILL
    with open_ledger(settings.database) as ledger:
        ended = {tuple(a.settings.items()): a.state for a in ledger.attempts("small")}
    assert ended.pop(tuple(gone.items())) is State.EXPIRED
    assert set(ended.values()) == {State.ENDED}


@pytest.mark.parametrize("is_ban", [True, False])
def test_what_was_forbidden_while_it_lay_prepared_is_not_started(
    is_ban: bool, settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    from flows.engine import ban

    add(settings, tmp_path)
    died = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": "dispatch.prepared"})
    prepared = [folder.name for folder in (settings.folder("small") / "laboratory" / "jobs").iterdir()]
    with open_ledger(settings.database) as ledger:
        (gone,) = (dict(a.settings) for a in ledger.attempts("small") if a.key in prepared)
    if is_ban:
        ban(settings, "small", [f"{name}={value}" for name, value in gone.items()], by="ada", why="explodes")
    else:
        rule = {"name": "unstable", "exclude": {name: [value] for name, value in gone.items()}}
        add(settings, tmp_path, constraints=[rule])

    zygote.ask(settings.home)

    assert died == -signal.SIGKILL
    with open_ledger(settings.database) as ledger:
        ended = {tuple(a.settings.items()): a for a in ledger.attempts("small")}
        unsent = ended.pop(tuple(gone.items()))
        why = [s.detail for s in ledger.steps("small") if s.key == unsent.key][-1]
    assert unsent.state is State.EXPIRED
    assert why == (
        "ban 1 keeps it out"
        if is_ban
        else "the campaign file was changed since (breaks 'unstable' of the campaign's constraints)"
    )
    assert {a.state for a in ended.values()} == {State.ENDED}
    assert len(ended) == sum(executions(settings).values()) == 10


def test_a_campaign_killed_while_it_is_added_can_be_added_again(
    settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    add(Settings(tmp_path / "elsewhere"), tmp_path)
    file = {"file": str(tmp_path / "campaign.yaml")}
    died = zygote.ask(settings.home, "add", arguments=file, environ={"HAKKEN_CRASH_AT": "campaign.remembered"})

    name = add(settings, tmp_path)

    assert died == -signal.SIGKILL
    assert name == "small"


def test_xtb_jobs_survive_the_engine_and_none_runs_twice(settings: Settings, tmp_path: Path, zygote: Zygote) -> None:
    pytest.importorskip("tblite", reason="the xtb laboratory needs hakken[xtb]")
    calm = Settings(tmp_path / "calm")
    for place, folder in ((calm, tmp_path / "one"), (settings, tmp_path / "two")):
        add(place, folder, **XTB)
    assert zygote.ask(calm.home) == 0
    moments = random.Random(11)
    kills = 0
    for _ in range(8):
        if zygote.ask(settings.home, kill_after=moments.uniform(0.1, 0.9)) == 0:
            break
        kills += 1
    assert zygote.ask(settings.home) == 0

    assert kills > 0
    assert _attempts_and_proposals(story_of(settings)) == _attempts_and_proposals(story_of(calm))
    assert _energies(settings) == pytest.approx(_energies(calm), abs=1e-9)  # the same program on the same geometry
    jobs = [path for path in (settings.folder("small") / "laboratory" / "jobs").iterdir() if path.is_dir()]
    assert len(jobs) == len(story_of(settings).attempts)
    shutil.rmtree(settings.home)


XTB: dict[str, Any] = {
    "space": {
        "molecule": {
            "type": "molecule",
            "options": {
                "water": "O",
                "ammonia": "N",
                "methane": "C",
                "methanol": "CO",
                "ethane": "CC",
                "CO": "[C-]#[O+]",
            },
        }
    },
    "objective": {"gap": {"goal": "minimize", "unit": "eV"}},
    "planner": {"batch": 2, "initial": {"design": "random", "experiments": 2}, "seed": 1},
    "budget": {"experiments": 6},
    "laboratory": {"adapter": "xtb", "workers": 2},
}


def _attempts_and_proposals(story: Story) -> tuple[Any, ...]:
    return story.attempts, story.proposals, story.state


def _energies(settings: Settings) -> list[float]:
    return [m.canonical for *_, outcome in story_of(settings).results for m in outcome.measurements]


def test_a_campaign_that_stops_by_itself_is_stopped_wherever_it_was_killed(
    settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    add(settings, tmp_path, laboratory={"adapter": "simulated", "failures": {"consumable_missing": 1.0}}, budget=MUCH)

    died = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": "look.stopped"})
    ended = executions(settings)
    again = zygote.ask(settings.home)

    assert (died, again) == (-signal.SIGKILL, 0)
    assert ended.total() == 10
    assert executions(settings) == ended
    with open_ledger(settings.database) as ledger:
        assert ledger.campaign("small").state is CampaignState.STOPPED
