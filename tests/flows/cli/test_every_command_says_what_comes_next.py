"""What holds of every command: JSON where it is asked for, and the next step; and what ``hakken doctor`` looks at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.cli.small import write

pytestmark = pytest.mark.usefixtures("small_campaign")


COMMANDS_WITH_JSON = [
    ("run", "small.yaml"),
    ("run", "--dry-run", "small.yaml"),
    ("tick", "small.yaml"),
    ("validate", "small.yaml"),
    ("init", "--template", "reaction"),
    ("status",),
    ("doctor",),
    ("audit", "verify"),
    ("audit", "log"),
    ("lab", "list"),
    ("lab", "list", "small.yaml"),
    ("lab", "show", "simulated"),
    ("lab", "check", "small.yaml"),
    ("lab", "simulate", "small.yaml"),
]


@pytest.mark.parametrize("words", COMMANDS_WITH_JSON, ids=lambda words: "-".join(words))
def test_with_json_one_document_is_all_there_is(hakken: Any, words: tuple[str, ...]) -> None:
    if words[0] == "audit":
        hakken("tick", "small.yaml")

    said = hakken(*words, "--json")

    assert said.code == 0, said.err
    assert said.json is not None  # the whole of standard output is read as one document
    assert said.err == ""


@pytest.mark.parametrize("words", COMMANDS_WITH_JSON, ids=lambda words: "-".join(words))
def test_every_command_ends_with_the_next_step(hakken: Any, words: tuple[str, ...]) -> None:
    if words[0] == "audit":
        hakken("tick", "small.yaml")

    assert hakken(*words).out.splitlines()[-1].startswith("next: ")


def test_every_command_takes_json() -> None:
    import inspect

    from flows.cli import app

    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command.callback for group in groups for command in group.registered_commands]
    assert len(commands) == 48
    assert all("as_json" in inspect.signature(command).parameters for command in commands if command is not None)


def test_doctor_names_the_remedy_where_something_cannot_work(
    hakken: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.home.mkdir()
    (home.home / "hakken.db").write_bytes(b"this is no database at all, whatever it is called" * 40)
    monkeypatch.setattr("flows.cli.checks.disk.ENOUGH", 1 << 70)

    said = hakken("doctor")

    assert said.code == 2
    assert "PROBLEM" in said.out
    assert "make room for 1 GiB, or set HAKKEN_HOME to another disk" in said.out
    assert "mend HAKKEN_DATABASE or HAKKEN_HOME" in said.out


def test_doctor_leads_to_the_campaigns_there_are(hakken: Any) -> None:
    write()
    begin = "next: hakken init --template reaction"
    assert begin in hakken("doctor").out
    hakken("tick", "small.yaml")

    said = hakken("doctor").out

    assert begin not in said
    assert "next: hakken status says where its campaigns stand" in said


def test_doctor_looks_at_every_adapter(hakken: Any) -> None:
    from adapters.registry import describe

    checks = hakken("doctor", "--json").json["checks"]

    assert {name for name, _ in describe()} <= {check["subject"] for check in checks}
    assert {"python", "torch", "OpenMP", "disk", "record"} <= {check["subject"] for check in checks}
