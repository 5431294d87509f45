"""What people get wrong when they ask for the best, or decide: one clear message each, and nothing on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: small
space:
  ligand: {type: component, options: {PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1, PCy3: C1CCC(P(C2CCCCC2)C2CCCCC2)CC1}}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
laboratory: {adapter: simulated, approval: person}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)


def test_the_best_of_a_campaign_that_is_not_there(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("best", "smal")

    assert said.code == 2
    assert "no campaign is called 'smal'" in said.err
    assert "small" in said.err


@pytest.mark.parametrize("top", ["0", "many"])
def test_the_best_none_or_many(hakken: Any, top: str) -> None:
    said = hakken("best", "small", "--top", top)

    assert said.code == 2
    assert "--top" in said.err


def test_the_best_before_anything_was_measured(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("best", "small")

    assert said.code == 0
    assert "nothing can be named the best yet" in said.out
    assert "no candidate has a value for every target yet" in said.out


WHY = ("--why", "because")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("edit", "small", "1", "1", "--set", "temperature=95", *WHY), "temperature = 95 is none of its values; near"),
        (("edit", "small", "1", "1", "--set", "ligand=PPh4", *WHY), "PPh4"),
        (("edit", "small", "1", "1", "--set", "pressure=2", *WHY), "no parameter 'pressure'"),
        (("edit", "small", "1", "1", "--set", "temperature=hot", *WHY), "temperature = 'hot' is not a number"),
        (("edit", "small", "1", "9", "--set", "temperature=60", *WHY), "has no proposal 9; there wait 1, 2"),
        (("edit", "small", "1", "1", "--set", "temperature", *WHY), "is no condition; write PARAMETER=VALUE"),
        (("edit", "small", "1", "1", "--set", "temperature=60"), "an edit needs a reason"),
        (("edit", "small", "7", "1", "--set", "temperature=60", *WHY), "round 7"),
        (("pin", "small", "--where", "ligand=PPh3", *WHY), "parameter 'temperature' is missing"),
        (("pin", "small", "--where", "ligand=PPh3", "--where", "temperature>60", *WHY), "gives no value"),
        (("pin", "small", "--where", "ligand=PPh3", "--where", "temperature=60"), "needs a reason"),
        (("ban", "small", "--where", "ligand=XPhos", *WHY), "'XPhos'"),
        (("ban", "small", "--where", "solvent=DMF", *WHY), "no parameter 'solvent'"),
        (("ban", "small", "--where", "ligand=PPh3,PCy3", *WHY), "nothing would be left to try"),
        (("ban", "small", "--where", "temperature>=60", *WHY), "nothing would be left to try"),
        (("ban", "small", "--where", "ligand>PPh3", *WHY), "which has options; write ligand=OPTION"),
        (("ban", "small", "--where", "ligand=PPh3", "--why", "  "), "needs a reason"),
        (("lift", "small", "1", *WHY), "no decision 1; there are: none yet"),
        (("approve", "small", "1", "--meaning", "cannot", *WHY), "only a refusal has a meaning"),
        (("approve", "small", "1", "--refuse", "--meaning", "ugly", *WHY), "a refusal means cannot or preference"),
        (("approve", "small", "1", "--refuse", "--meaning", "cannot"), "needs a reason"),
        (("approve", "small", "1", "5"), "has no proposal 5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_decision_that_cannot_be(hakken: Any, words: tuple[str, ...], says: str) -> None:
    hakken("run", "small.yaml")

    said = hakken(*words)

    assert said.code == 2, said.out + said.err
    assert says in said.err
    assert said.err.count("error: ") == 1
    assert "nobody decided anything" in hakken("decisions", "small").out


def test_what_was_decided_stands(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("approve", "small", "1", "1")

    again = hakken("edit", "small", "1", "1", "--set", "temperature=60", *WHY)
    pending = hakken("approve", "small", "1", "1", "--refuse")

    assert (again.code, pending.code) == (2, 2)
    assert "proposal 1 of round 1 was approved already and a decision stands" in again.err
    assert "hakken pin small" in pending.err


def test_a_tried_candidate_is_pinned_only_on_purpose_and_a_banned_one_not(hakken: Any) -> None:
    hakken("run", "small.yaml")
    hakken("approve", "small", "1")
    hakken("run", "small.yaml")
    from flows.settings import Settings
    from flows.wiring import open_record

    with open_record(Settings.from_environment()) as ledger:
        tried = ledger.observations("small")[0].settings
    words = [w for name, value in tried.items() for w in ("--where", f"{name}={value}")]

    once = hakken("pin", "small", *words, *WHY)
    again = hakken("pin", "small", *words, *WHY, "--again")
    twice = hakken("pin", "small", *words, *WHY, "--again")
    banned = hakken("ban", "small", *words, *WHY, "--by", "ada")
    refused = hakken("pin", "small", *words, *WHY, "--again")
    lifted = hakken("lift", "small", "2", *WHY)
    gone = hakken("lift", "small", "2", *WHY)

    assert (once.code, again.code, twice.code, banned.code) == (2, 0, 2, 0), once.err + again.err + banned.err
    assert "was measured once already; add --again" in once.err
    assert "is pinned already" in twice.err
    assert "is banned (decision 2: because); lift that first: hakken lift small 2" in refused.err
    assert (lifted.code, gone.code) == (0, 2)
    assert "decision 2 was lifted before" in gone.err
    listed = hakken("decisions", "small").out
    assert "ada" in listed
    assert "no" in listed
