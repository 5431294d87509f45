"""``doctor``: whether this machine can run campaigns, and what to do where it cannot."""

from __future__ import annotations

from typing import Final

import typer

from flows.cli.guard import REFUSED
from flows.cli.naming import settings
from flows.cli.screen import Json, Screen
from loop.wording import plural

_SIGNS: Final = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


def doctor(as_json: Json = False) -> None:
    """Look at versions, devices, threads, the record, laboratories and disk; each with a remedy."""
    from flows.cli.checks import every_check, has_campaigns

    where, screen = settings(), Screen(as_json)
    checks = every_check(where)
    problems = [check for check in checks if check.verdict == "problem"]
    screen.document({"is_ok": not problems, "checks": checks})
    screen.table(
        ("", "what", "found", "remedy"),
        [(_SIGNS[check.verdict], f"{check.area}: {check.subject}", check.found, check.remedy) for check in checks],
    )
    if problems:
        screen.say(f"{plural(len(problems), 'problem')}: {'; '.join(f'{p.subject}: {p.remedy}' for p in problems)}")
        screen.next_step("do what the remedies say, then hakken doctor again")
        raise typer.Exit(REFUSED)
    screen.say("this machine can run campaigns")
    if has_campaigns(where):
        screen.next_step("hakken status says where its campaigns stand")
    else:
        screen.next_step("hakken init --template reaction writes a campaign file to begin with")
