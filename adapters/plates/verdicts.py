"""Verdicts: who refuses or takes which protocol, on disk by what the protocol does, so that nobody is asked twice.

``verdicts/PRINT.json`` holds the words of one judge on one protocol, and the edition of the judge: where it is another
since, it is asked anew. Keys of runs and attempts make no other protocol of the same doings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from adapters.common.durable import replace
from adapters.common.folder import reachable, read_json
from loop.contracts import Problem

DRAFT: Final = "hakken-draft"  # the key of a run that was not made
ROBOT: Final = "the robot"  # as a judge: by its analysis


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of a protocol: ``why`` it refuses it, in its own words; "" where it takes it."""

    by: str
    edition: str
    why: str

    @property
    def rule(self) -> str:
        return f"{self.by} refuses the protocol: {self.why.rstrip('.')}"


class Verdicts:
    """The verdicts in one laboratory's folder."""

    def __init__(self, root: Path) -> None:
        self._root = root / "verdicts"

    def are_there(self) -> bool:
        """Whether anybody was ever asked."""
        return self._root.is_dir()

    def said(self, text: str, by: str) -> Verdict | None:
        """The verdict of one judge on a protocol; None where it was never asked.

        Raises:
            AdapterUnavailable: The folder cannot be read.
        """
        told = read_json(self._path(text, by))
        return None if told is None else Verdict(str(told["by"]), str(told["edition"]), str(told["why"]))

    def keep(self, text: str, verdict: Verdict) -> None:
        """Put a verdict on record, in place of an earlier one of the same judge.

        Raises:
            AdapterUnavailable: The folder cannot be written.
        """
        with reachable(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            replace(self._path(text, verdict.by), json.dumps(asdict(verdict), sort_keys=True))

    def forget(self, text: str, by: str) -> None:
        """Take a verdict off the record, so that its judge is asked anew."""
        with reachable(self._root):
            self._path(text, by).unlink(missing_ok=True)

    def _path(self, text: str, by: str) -> Path:
        print_ = hashlib.sha256("\n".join((by, text)).encode("utf-8")).hexdigest()
        return self._root / f"{print_[:32]}.json"


def without_keys(text: str, run: str, attempts: Iterable[str]) -> str:
    """A protocol as it would be in any run of any attempts that do the same."""
    for key in attempts:
        text = text.replace(key, "")
    return text.replace(run, DRAFT)


def of_deck(verdict: Verdict) -> Problem:
    """That a deck is refused with nothing done on it."""
    return Problem("the deck", verdict.rule, "move what is in the way (deck), or correct the template")


def of_plate(verdict: Verdict) -> Problem:
    """That a plate is refused as it is planned."""
    remedy = "correct deck or template; or keep back wells that it names (hakken ban)"
    return Problem("the plate", verdict.rule, remedy)
