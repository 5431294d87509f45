"""The conversation with a peer, held with a made-up one that needs no environment."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from contest import Kept, measure, peer_campaigns
from peers import Peer, PeerError, PeerMissing, Unsupported, peer
from peers.question import Question, best_observed
from peers.worker import own_extensions, serve
from problems import PROBLEMS, Problem

FAKE = '''
"""A peer that proposes the first candidates nobody tried, and counts how often it was made ready."""
import os
from peers import Unsupported
MADE = 0
def planner(question):
    global MADE
    MADE += 1
    if question.parameters[0].name == "odd":
        raise Unsupported("parameter 'odd' cannot be stated")
    return Fake(question)
class Fake:
    def __init__(self, question):
        self.question = question
    def propose(self, observations, q, seed):
        print("chatter of a library")
        if q == 13:
            raise ValueError("thirteen")
        if q == 14:
            os._exit(3)
        tried = {self.question.key(o["settings"]) for o in observations}
        rest = [c for c in self.question.candidates if self.question.key(c) not in tried]
        return [self.question.plain(c) for c in rest[:q]]
    def recommend(self, observations, seed):
        return {"made": MADE, "threads": os.environ["OMP_NUM_THREADS"]}
'''


def problem_of(name: str = "a") -> Problem:
    spec: dict[str, Any] = {
        "campaign": "tiny",
        "space": {name: {"type": "number", "values": [1.0, 2.0, 3.0, 4.0]}},
        "objective": {"y": {"goal": "maximize"}},
        "budget": {"experiments": 10},
        "laboratory": {"adapter": "emulator"},
    }
    import numpy as np

    rows = tuple({name: v} for v in (1.0, 2.0, 3.0, 4.0))
    return Problem("tiny", spec, rows, tuple(np.array([[10 * r[name]]]) for r in rows))


@pytest.fixture
def fake(tmp_path: Path) -> Peer:
    """A peer whose module is the made-up one."""
    (tmp_path / "fake.py").write_text(FAKE)
    code = (
        "import sys, importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('peers.fake', {str(tmp_path / 'fake.py')!r})\n"
        "import peers.worker\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['peers.fake'] = module\n"
        "spec.loader.exec_module(module); sys.argv = ['worker', 'fake']; peers.worker.main()\n"
    )
    other = Peer("baybe", [sys.executable, "-P", "-c", code])
    other.version = "0"
    return other


def test_a_proposal_is_among_the_candidates_that_were_not_tried(fake: Peer) -> None:
    problem = problem_of()
    seen = [measure(problem, {"a": 1.0}, 0, [])]

    with fake:
        answer = fake.propose(problem.question, seen, q=2, seed=0)

    assert answer.settings == [{"a": 2.0}, {"a": 3.0}]
    assert answer.seconds >= 0


def test_one_worker_with_one_thread_lives_for_all_questions_and_hears_each_once(fake: Peer) -> None:
    with fake:
        for _ in range(3):
            fake.propose(problem_of().question, [], q=1, seed=0)
        answer = fake.recommend(problem_of().question, [], seed=0)

    assert answer.settings == [{"made": 1, "threads": "1"}]


def test_a_fault_names_the_peer_and_what_it_was_asked(fake: Peer) -> None:
    with fake:
        with pytest.raises(PeerError, match="peer 'baybe' could not propose: ValueError: thirteen"):
            fake.propose(problem_of().question, [], q=13, seed=0)

        assert fake.propose(problem_of().question, [], q=1, seed=0).settings == [{"a": 1.0}]  # it goes on


def test_a_worker_that_dies_is_reported_and_started_again(fake: Peer) -> None:
    with fake:
        with pytest.raises(PeerError, match="ended during 'propose'"):
            fake.propose(problem_of().question, [], q=14, seed=0)

        assert fake.propose(problem_of().question, [], q=1, seed=0).settings == [{"a": 1.0}]


def test_what_a_peer_cannot_state_is_a_fault_of_its_own(fake: Peer) -> None:
    with fake, pytest.raises(Unsupported, match="'odd' cannot be stated"):
        fake.propose(problem_of("odd").question, [], q=1, seed=0)


def test_a_missing_environment_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAKKEN_PEERS", str(tmp_path))
    other = peer("ax")

    assert not other.available
    with pytest.raises(PeerMissing, match="make peers"):
        other.propose(problem_of().question, [], q=1, seed=0)
    with pytest.raises(PeerError, match="there are baybe, ax, bofire"):
        peer("edbo")


def test_a_variant_lives_in_the_environment_of_its_peer_and_is_told_which_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAKKEN_PEERS", str(tmp_path))
    other = peer("baybe-one-hot")
    monkeypatch.setitem(sys.modules, "peers.baybe", SimpleNamespace(planner=lambda _, variant="": Told(variant)))
    monkeypatch.setattr("peers.worker.Question.read", lambda _: None)
    said = {}
    for name in ("baybe", "baybe-one-hot"):
        replies = io.StringIO()
        asked = [{"do": "hear", "key": "k", "question": {}}, {"do": "propose", "key": "k", "q": 1, "seed": 0}]
        serve(name, io.StringIO("".join(json.dumps(a | {"observations": []}) + "\n" for a in asked)), replies)
        said[name] = json.loads(replies.getvalue().splitlines()[1])["settings"]

    assert "'baybe'" in other.remedy
    assert other.name == "baybe-one-hot"  # its runs are kept apart
    assert said == {"baybe": [{"variant": ""}], "baybe-one-hot": [{"variant": "baybe-one-hot"}]}


@dataclass
class Told:
    """A planner that proposes the variant that it was told to be."""

    variant: str

    def propose(self, _observations: list[Any], _q: int, _seed: int) -> list[dict[str, str]]:
        return [{"variant": self.variant}]


def test_a_run_that_was_kept_is_not_paid_twice(fake: Peer, tmp_path: Path) -> None:
    problem, kept = problem_of(), Kept(tmp_path / "cache")

    with fake:
        first = kept.run(fake, problem, 0, q=1, n=3)
    (file,) = (tmp_path / "cache").iterdir()
    with file.open("a") as lines:
        lines.write('{"key": {"cut off')  # a writer was killed
    fake._command = ["no-such-program"]
    second = kept.run(fake, problem, 0, q=1, n=3)

    assert first["observed"] == second["observed"]
    assert len(first["observed"]) == 3
    assert json.loads(file.read_text().splitlines()[0])["key"]["peer"] == "baybe"
    with pytest.raises(PeerMissing):
        kept.run(fake, problem, 1, q=1, n=3)  # another seed was never run
    with pytest.raises(PeerMissing):
        Kept(tmp_path / "cache", fresh=True).run(fake, problem, 0, q=1, n=3)


def test_a_run_that_came_with_hakken_is_found_where_none_was_kept_since(fake: Peer, tmp_path: Path) -> None:
    problem, kept = problem_of(), Kept(tmp_path / "cache", shipped=tmp_path)
    with fake:
        done = kept.run(fake, problem, 0, q=1, n=3)
    (file,) = (tmp_path / "cache").iterdir()
    with gzip.open(tmp_path / f"{file.name}.gz", "wt") as lines:
        lines.write(file.read_text())
    file.unlink()

    assert kept.look_up(fake, problem, 0, q=1, n=3) == json.loads(json.dumps(done))
    assert kept.look_up(fake, problem, 1, q=1, n=3) is None
    assert Kept(tmp_path / "cache", shipped=tmp_path / "nowhere").look_up(fake, problem, 0, q=1, n=3) is None


def test_runs_that_came_with_hakken_are_enough_where_the_peer_is_not_there(
    fake: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, kept = problem_of(), Kept(tmp_path / "cache", shipped=tmp_path)
    key = {**kept.key(fake, problem, 0, q=5, n=50, how="", version="0.9.1"), "peer": "bofire"}
    run = {"observed": [], "seconds": [], "cpu": []}
    with gzip.open(tmp_path / "bofire-tiny.jsonl.gz", "wt") as lines:
        lines.write(json.dumps({"key": key, "run": run}) + "\n")
    monkeypatch.setenv("HAKKEN_PEERS", str(tmp_path / "none"))
    monkeypatch.setitem(Kept.__init__.__kwdefaults__, "shipped", tmp_path)
    monkeypatch.setitem(PROBLEMS, "tiny", lambda _: problem)

    runs, why = peer_campaigns("bofire", "tiny", [0, 1], tmp_path, kept_only=True)
    unpaid, remedy = peer_campaigns("bofire", "tiny", [0], tmp_path)

    assert runs == {0: run}
    assert "runs of bofire 0.9.1 that were kept; it is not there to be run" in why
    assert "only 1 of 2 runs were kept" in why
    assert unpaid == {}
    assert "make peers" in remedy


def test_a_question_says_what_cannot_be_handed_on() -> None:
    spec = problem_of().spec
    mixture = {**spec, "space": {"m": {"type": "mixture", "parts": ["a", "b"]}}}
    excluding = {**spec, "constraints": [{"exclude": {"a": 1.0}}]}

    with pytest.raises(Unsupported, match=r"'m' \(mixture\)"):
        Question.read({"spec": mixture})
    with pytest.raises(Unsupported, match="list of candidates"):
        Question.read({"spec": excluding})
    assert not Question.read({"spec": excluding, "candidates": [{"a": 2.0}]}).constraints


def test_the_best_observed_is_judged_by_its_mean() -> None:
    question = Question.read(problem_of().question)
    lucky = [{"settings": {"a": 1.0}, "values": {"y": v}} for v in (9.0, 0.0)]
    steady = [{"settings": {"a": 2.0}, "values": {"y": v}} for v in (5.0, 6.0)]
    failed = [{"settings": {"a": 3.0}, "values": {}, "failed": True}]

    assert best_observed(question, [*lucky, *steady, *failed]) == {"a": 2.0}


def test_a_lock_left_by_a_killed_compiler_is_removed_and_a_fresh_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    old, young = (tmp_path / name / "lock" for name in ("old", "young"))
    for lock in (old, young):
        lock.parent.mkdir()
        lock.touch()
    os.utime(old, (0, 0))

    own_extensions()

    assert not old.exists()
    assert young.exists()


def test_the_best_observed_keeps_the_limits_where_any_does() -> None:
    spec = problem_of().spec
    objective = {"y": {"goal": "maximize"}, "z": {"goal": "keep", "at_most": 1.0}}
    question = Question.read({"spec": {**spec, "objective": objective}})
    rows = [{"settings": {"a": a}, "values": {"y": a, "z": a}} for a in (1.0, 2.0, 3.0)]

    assert best_observed(question, rows) == {"a": 1.0}
    assert best_observed(question, rows[1:]) == {"a": 3.0}
