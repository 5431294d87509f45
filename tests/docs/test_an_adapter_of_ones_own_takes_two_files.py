"""docs/guide/adapters.md: its adapter has under 80 lines and keeps every law; a campaign file is all that it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from pages import GUIDE, ROOT, blocks, files

from adapters.registry import build
from loop.contracts import AdapterContext, Phase, Unknown
from loop.errors import AdapterUnavailable
from loop.testing.adapter import KEY

PAGE = GUIDE / "adapters.md"
CODE, OVEN = (files(PAGE)[name] for name in ("balance.py", "oven.py"))
CAMPAIGN = next(block.code for block in blocks(PAGE) if block.is_campaign)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A newcomer's folder with the two files."""
    place = tmp_path / "mine"
    place.mkdir()
    (place / "balance.py").write_text(CODE, encoding="utf-8")
    (place / "campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
    yield place
    sys.modules.pop("balance", None)
    sys.path[:] = [path for path in sys.path if path != str(place)]


def examine(folder: Path, named: str = "balance:Balance") -> tuple[int, str]:
    """The command that the page gives, or the same of another one."""
    (command,) = [b.code for b in blocks(PAGE) if b.language == "sh" and "--adapter" in b.code]
    assert "--pyargs loop.testing --adapter balance:Balance" in command
    words = [sys.executable, "-m", "pytest", "--pyargs", "loop.testing", "--adapter", named]
    quiet = ["-p", "loop.testing.plugin", "-p", "no:cacheprovider", "-q", "--no-header"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run([*words, *quiet], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_it_has_under_80_lines() -> None:
    assert len(CODE.splitlines()) < 80
    assert max(len(line) for line in CODE.splitlines()) <= 120


def test_it_keeps_every_law(folder: Path) -> None:
    code, said = examine(folder)

    assert code == 0, said
    assert int(re.findall(r"(\d+) passed", said)[0]) >= 30


def test_one_that_is_slow_keeps_every_law_too(folder: Path) -> None:
    (folder / "oven.py").write_text(OVEN, encoding="utf-8")

    code, said = examine(folder, "oven:Oven")

    assert code == 0, said
    assert max(len(line) for line in OVEN.splitlines()) <= 120


def test_an_order_that_was_lost_is_in_doubt_and_what_is_answered_later_is_given_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "oven.py").write_text(OVEN, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    oven = import_module("oven")
    monkeypatch.delitem(sys.modules, "oven")
    it = oven.Oven({}, AdapterContext(str(folder / "lab"), str(folder), "baking", {"yield": "%"}))
    handle = it.prepare(oven.Oven.trial.experiment, KEY)
    order, oven.order = oven.order, Mock(side_effect=ConnectionRefusedError)
    with pytest.raises(AdapterUnavailable, match=r"the device gives no answer \(ConnectionRefusedError\); see to it"):
        it.start(handle, KEY)
    doubt, phase = it.find(KEY), it.status(handle).phase
    oven.order = order
    it.start(handle, KEY)  # as after hakken resolve KEY --never-ran

    assert (type(doubt), phase) == (Unknown, Phase.LOST)
    assert [json.loads(e.payload)["values"][0]["value"] for e in it.fetch(handle)] == [61.5]
    assert [json.loads(e.payload)["values"][0]["value"] for e in it.late([])] == [61.9]
    assert [json.loads(e.payload)["values"][0]["value"] for e in it.late([handle])] == [61.5, 61.9]


def test_broken_on_purpose_it_is_caught(folder: Path) -> None:
    (guard,) = re.findall(r"if self\._result\(handle\) is None:", CODE)
    (folder / "balance.py").write_text(CODE.replace(guard, "if True:"), encoding="utf-8")

    code, said = examine(folder)

    assert code == 1
    assert "test_starting_twice_runs_once" in said


def test_cut_off_it_is_in_doubt_until_a_person_has_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    balance = import_module("balance")
    context = AdapterContext(str(folder / "lab"), str(folder), "dosing", {"mass": "mg"})
    it, key = balance.Balance({}, context), KEY
    handle = it.prepare(balance.Balance.trial.experiment, key)
    it.jobs.start(handle, {})  # and then the power went

    assert isinstance(it.find(key), Unknown)
    assert it.status(handle).phase is Phase.LOST
    it.start(handle, key)  # as after hakken resolve KEY --never-ran
    assert it.status(handle).phase is Phase.ENDED


def test_a_campaign_runs_on_it_and_a_newcomer_touched_two_files(hakken: Any, folder: Path) -> None:
    written = sorted(path.name for path in folder.iterdir())

    said = hakken("run", folder / "campaign.yaml", "--json")

    assert said.code == 0, said.err
    assert (said.json["state"], said.json["experiments_done"]) == ("finished", 6)
    assert len((folder / "logbook.txt").read_text().splitlines()) == 6
    assert written == ["balance.py", "campaign.yaml"]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("balnce:build", "adapter 'balnce:build': no module 'balnce' beside the campaign file or installed"),
        ("balance:make", "adapter 'balance:make': module 'balance' has no 'make' to be called; correct the name"),
        ("balance:", "adapter 'balance:': one of your own is named MODULE:NAME, such as balance:Balance"),
        (
            "balance:nothing",
            "adapter 'balance:nothing': list lacks capabilities, validate, prepare, start, find, status",
        ),
    ],
)
def test_what_is_no_adapter_is_said(hakken: Any, folder: Path, named: str, message: str) -> None:
    more = ["def nothing(options, context):", "    return []", "def trouble(options, context):", "    options['port']"]
    (folder / "balance.py").write_text("\n".join([CODE, *more]), encoding="utf-8")
    (folder / "broken.py").write_text("def")
    (folder / "campaign.yaml").write_text(CAMPAIGN.replace("balance:Balance", named))

    said = hakken("validate", folder / "campaign.yaml")

    assert said.code == 2
    assert message in said.err


def test_two_campaigns_may_each_have_a_module_of_the_same_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "balance.py").write_text(CODE.replace("stands level", f"is {name}"), encoding="utf-8")
    contexts = [AdapterContext(str(tmp_path / n / "lab"), str(tmp_path / n), n, {"mass": "mg"}) for n in ("one", "two")]

    assert [build("balance:Balance", {}, c).health().message for c in contexts] == ["is one", "is two"]
