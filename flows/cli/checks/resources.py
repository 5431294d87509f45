"""Resources of a campaign, each really asked: what it rests on, its folder, and one experiment to be judged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.checks.calibrations import calibrations_in
from flows.cli.checks.check import Check, failed
from flows.cli.checks.disk import free_space
from flows.cli.naming import near
from loop.contracts import Adapter, ExperimentSpec, Foresees, HasParts, SupportsExamination
from loop.errors import AdapterError, AdapterFailed, HakkenError
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.resources import Laboratory
    from flows.settings import Settings


def resource_checks(laboratory: Laboratory) -> Iterator[Check]:
    """Every resource in turn, then the disk that they share; ``area`` is the resource."""
    from flows.engine.looking.resources import sample_experiments

    experiments = sample_experiments(laboratory.spec)
    for name, adapter in laboratory.resources.items():
        yield from (_where_it_will_be(check, laboratory) for check in _asked(name, adapter))
        yield from _keys(name, laboratory)
        yield _judging(name, laboratory, experiments)
        yield from _foreseen(name, laboratory)
    yield from calibrations_in(laboratory.spec.campaign, laboratory.spec.resolved())
    yield _writable(laboratory.folder)
    yield free_space(laboratory.folder)


def _where_it_will_be(check: Check, laboratory: Laboratory) -> Check:
    """The same with the campaign's own folder in place of one that is gone afterwards."""
    if laboratory.apart is None:
        return check
    was, is_ = str(laboratory.apart), str(laboratory.folder)
    return replace(check, found=check.found.replace(was, is_), remedy=check.remedy.replace(was, is_))


def held_checks(where: Settings, laboratory: Laboratory) -> Iterator[Check]:
    """The rounds on record for which what the laboratory has does not suffice; ``area`` is the round."""
    from flows.engine.looking.held import held_rounds
    from flows.engine.looking.view import View
    from flows.wiring import open_record, spec_on_record

    name = laboratory.spec.campaign
    if spec_on_record(where, name) is None:
        return
    with open_record(where) as ledger:
        view = View(ledger, name)
        held = held_rounds(view, laboratory.adapter) if view.is_active else {}
    for round_ in held.values():
        yield Check(f"round {round_.number}", f"waits for {round_.waits_for}", "problem", round_.why, round_.then)


def _asked(name: str, adapter: Adapter) -> Iterator[Check]:
    """What it says of itself, and of each thing that it rests on."""
    try:
        health = adapter.health()
    except AdapterError as error:
        yield Check(name, "health", "problem", "gives no answer", str(error))
    except Exception as error:  # an adapter of one's own may raise anything
        yield failed(name, "health", error)
    else:
        if health.is_ok:
            yield Check(name, "health", "ok", health.message)
        else:
            yield Check(name, "health", "problem", "cannot work now", health.message)
    if isinstance(adapter, SupportsExamination):
        try:
            yield from (Check(name, f.subject, f.verdict, f.found, f.remedy) for f in adapter.examine())
        except AdapterError as error:
            yield Check(name, "examination", "problem", "gives no answer", str(error))
        except Exception as error:
            yield failed(name, "examination", error)


def _keys(name: str, laboratory: Laboratory) -> Iterator[Check]:
    """Whether the keys by which it signs messages are there."""
    from adapters.common.secret import secret
    from adapters.http.options import webhook_keys

    options = laboratory.spec.laboratory.options
    parts = options.get("laboratories")
    section = parts[name] if isinstance(parts, Mapping) and isinstance(laboratory.adapter, HasParts) else options
    keys = webhook_keys(section)
    if section.get("notify") and not keys:
        remedy = "add webhook_keys: {k1: $LAB_KEY} to it, or leave out notify"
        yield Check(name, "messages", "note", "notify without keys: no message that comes could be believed", remedy)
    for key, reference in keys.items():
        try:
            secret(reference)
        except AdapterError as error:
            found, remedy = str(error).split("; ", 1)
            lost = "and hakken listen takes in no messages without it"
            yield Check(name, f"webhook key {key}", "problem", f"{found}, {lost}", remedy)
        else:
            yield Check(name, f"webhook key {key}", "ok", f"{reference} is set")


def _judging(name: str, laboratory: Laboratory, experiments: Sequence[ExperimentSpec]) -> Check:
    """Whether it would do an experiment of this campaign."""
    if (example := laboratory.taken_by(name, experiments)) is None:
        n = len(experiments)
        return Check(
            name, "an experiment", "note", f"takes none of {plural(n, 'candidate')} looked at", "see to its 'when'"
        )
    try:
        problems = laboratory.problems(name, example)
    except HakkenError as error:
        return Check(name, "an experiment", "problem", "cannot be judged", str(error))
    except Exception as error:
        return failed(name, "an experiment", error)
    if not problems:
        return Check(name, "an experiment", "ok", "would be done")
    first = problems[0]
    return Check(name, "an experiment", "problem", f"{first.subject}: {first.rule}", first.remedy)


def _foreseen(name: str, laboratory: Laboratory) -> Iterator[Check]:
    """Which candidates of this campaign a resource that would take them is certain to refuse once they run."""
    from flows.engine.looking.foreseeing import candidates_of, foresee_of

    resource = laboratory.resources[name]
    if not isinstance(resource, Foresees):
        return
    candidates, is_all = candidates_of(laboratory.spec)
    if isinstance(laboratory.adapter, HasParts):
        candidates = [c for c in candidates if name in laboratory.adapter.takers(c)]
    try:
        found = foresee_of(resource, candidates, is_all=is_all)
    except AdapterFailed as error:  # code of one's own
        yield Check(name, "candidates", "problem", *str(error).split("; ", 1))
        return
    if found is None or not found.looked_at:
        return
    of = f"of {found.looked_at}" if is_all else f"of {found.looked_at} looked at"
    if not found.refused:
        yield Check(name, "candidates", "ok", f"none {of} is foreseen to be refused")
    for reason in found.reasons:
        text = f"certain to be refused once run: {reason.count} {of}, such as {reason.example}, which {reason.rule}"
        yield Check(name, "candidates", "note", text, reason.remedy)


def _writable(folder: Path) -> Check:
    """Whether files can be made, and linked, where laboratories keep theirs; nothing is left there."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=there, prefix=".hakken-") as trial:
            (Path(trial) / "one").touch()
            os.link(Path(trial) / "one", Path(trial) / "two")  # how a file is made that nobody makes twice
    except OSError as error:
        remedy = "mend its rights, or set HAKKEN_HOME to a folder on a disk with hard links"
        return Check("folder", near(there), "problem", f"cannot be written ({error.strerror})", remedy)
    return Check("folder", near(there), "ok", "can be written")
