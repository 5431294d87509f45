"""Errors of the core, as a tree. Every message names the thing, the rule, what came instead and the way out.

HakkenError
├── SpecError             a campaign file says something that cannot be
│   ├── SpaceError        a parameter or constraint is wrong, or the space is empty
│   ├── ObjectiveError    a target is wrong
│   ├── CostError         costs, or a budget in money or hours, are wrong
│   ├── PlateError        the plate cannot be as it is described
│   ├── RecipeError       the recipe cannot be carried out, or must not be
│   └── UnitError         a unit is unknown, or cannot be converted
├── MoleculeError         a structure cannot be read or prepared
├── OutcomeError          what a laboratory sent cannot be read as an outcome
│   ├── AnalysisError     an instrument's file cannot be read, or not made into a value
│   └── OutcomeConflict   an attempt already ended with another outcome
├── TransitionError       an experiment cannot take this step from where it is
├── PlanError             no batch could be planned
│   ├── TooFewPoints      a surrogate needs more data
│   ├── FitError          a surrogate could not be fitted
│   └── PoolExhausted     nothing is left to propose
│       ├── Unproven        nothing is known yet to keep what has to be kept
│       └── NothingToGain   nothing is left that is worth an experiment, by a rule of the campaign
├── LedgerError           the record refused something (see ``db.errors`` for what a database adds)
│   ├── NotFound          no such campaign, round, attempt or observation
│   │   └── NoRecord        there is no record at all
│   ├── LeaseHeld         somebody else works on the campaign now
│   ├── StaleLease        this holder's lease was taken over: it may write nothing more
│   ├── Halted            a safety stop is in force: nothing is proposed or sent
│   ├── OlderRecord       the record lacks a round that the campaign's folder knows
│   ├── LedgerBusy        it cannot be reached or written now; try again later
│   └── LedgerFull        its disk is full or cannot be written; make room, then go on
├── AdapterError          a laboratory cannot do what it is asked (see ``adapters.errors``)
│   └── AdapterUnavailable  it cannot be reached now; ask again later
│       ├── AdapterFailed   code of one's own failed, or gave no answer that is one
│       ├── NotSetUp        it cannot be used from here before a person has done something
│       └── PartUnavailable one of several laboratories cannot; the others can
└── UnknownName           a registry has no entry of that name
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

ALIKE: Final = 0.7  # of the letters of two names in the same order: what is typed wrongly has more, by our tests


class HakkenError(Exception):
    """Anything hakken refuses; show the message to the person, it says what to do."""


class SpecError(HakkenError):
    """A campaign file is wrong; mend the file. ``problems`` holds one message for each fault."""

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message,)


class SpaceError(SpecError):
    """A parameter or a constraint is wrong, or nothing satisfies the constraints."""


class ObjectiveError(SpecError):
    """A target is wrong: its goal, unit or bounds."""


class CostError(SpecError):
    """Costs or a budget in money or hours are wrong; ``path`` is where in the campaign file."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


class PlateError(SpecError):
    """The plate cannot be as it is described: its blocks, shared values or reserved wells."""


class RecipeError(SpecError):
    """What is to be done at the bench cannot be done, or must not be: ``subject``, ``rule`` and ``remedy`` say why."""

    def __init__(self, subject: str, rule: str, remedy: str) -> None:
        super().__init__(f"{subject}: {rule}; {remedy}")
        self.subject, self.rule, self.remedy = subject, rule, remedy
        self.path: tuple[str | int, ...] = ("recipe",)  # where in the campaign file


class UnitError(SpecError):
    """A unit is unknown, or one cannot be converted into the other."""


class MoleculeError(HakkenError):
    """A structure cannot be read or prepared; mend the SMILES or leave the molecule out."""


class OutcomeError(HakkenError):
    """What came back cannot be read as an outcome; its envelope is kept. Send a corrected one."""


class AnalysisError(OutcomeError):
    """An instrument's file cannot be read, or no value comes of it; the file is kept. Mend it, or the analysis."""


class OutcomeConflict(OutcomeError):
    """The attempt already ended differently; retract the first outcome to let the second count."""


class TransitionError(HakkenError):
    """The experiment cannot take this step from its present state; look at its events."""


class PlanError(HakkenError):
    """No batch could be planned; the message says what is missing."""


class TooFewPoints(PlanError):
    """A surrogate needs more observations; run more of the initial design first.

    ``told`` says what is needed and what there is, where not all observations count alike.
    """

    def __init__(
        self,
        surrogate: str,
        needed: int,
        present: int,
        told: str = "",
        remedy: str = "run more experiments of the initial design first",
    ) -> None:
        super().__init__(
            f"surrogate {surrogate!r} needs {told or f'{needed} observations and has {present}'}; {remedy}"
        )
        self.surrogate, self.needed, self.present = surrogate, needed, present

    def of_targets(self, present: Mapping[str, int]) -> TooFewPoints:
        """The same with the names of those targets that have too few, of how many observations each has."""
        few = {target: n for target, n in present.items() if n < self.needed}
        if len(present) < 2 or not few:
            return self
        there = " and ".join(f"{n} of {target}" for target, n in few.items())
        told = f"{self.needed} observations of each target and has {there}"
        remedy = "run more experiments, or tell what was measured of those that ran"
        return TooFewPoints(self.surrogate, self.needed, self.present, told, remedy)


class FitError(PlanError):
    """The optimiser ended without a usable model; look at the data of the last round."""

    def __init__(self, surrogate: str, why: str, last_loss: float | None = None) -> None:
        super().__init__(f"surrogate {surrogate!r} could not be fitted: {why}")
        self.surrogate, self.last_loss = surrogate, last_loss


class PoolExhausted(PlanError):
    """Every candidate was tried or is being tried; widen the space or end the campaign."""


class Unproven(PoolExhausted):
    """Nothing is known yet to keep what has to be kept; tell results that do, or name candidates that are known to."""


class NothingToGain(PoolExhausted):
    """What is untried is hardly better than what is known, by a rule of the campaign; take that rule out to go on."""


class LedgerError(HakkenError):
    """The record refused something; nothing was half-written."""


class NotFound(LedgerError):
    """No such campaign, round, attempt or observation; the message lists what there is."""


class NoRecord(NotFound):
    """There is no record where it is looked for: make one, or name another place."""


class LeaseHeld(LedgerError):
    """Somebody else, ``holder``, works on this campaign; wait until the lease ends."""

    def __init__(self, message: str, holder: str = "") -> None:
        super().__init__(message)
        self.holder = holder


class StaleLease(LedgerError):
    """The lease was taken over by another holder; stop, nothing of this pass was written."""


class Halted(LedgerError):
    """A safety stop is in force; look at the laboratory, and have a named person lift it."""


class OlderRecord(LedgerError):
    """The record lacks a round that the folder knows: put the newer one back, or say that this one is to go on."""


class LedgerBusy(LedgerError):
    """The record cannot be reached or written now; try again, nothing was written. ``what`` is what is so."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; try again in a moment")
        self.what = what


class LedgerFull(LedgerError):
    """The disk of the record is full or cannot be written; see to it, then do the same again: nothing was written.

    ``what`` is what is so, and what to do.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}, then the same command goes on")
        self.what = what


class AdapterError(HakkenError):
    """A laboratory cannot do what it is asked; mend its settings."""


class AdapterUnavailable(AdapterError):
    """The laboratory cannot be reached now; nothing is known to have changed. Ask again later."""

    what: str = "cannot be reached"  # said of the laboratory


class AdapterFailed(AdapterUnavailable):
    """Code of one's own raised, or returned what is no answer; mend it. Nothing is known to have changed."""

    what = "failed"


class NotSetUp(AdapterUnavailable):
    """The laboratory cannot be used from here, however often it is asked; do what the message says, then go on.

    Raised by ``prepare`` or ``announce``, it also says that the experiment was not shown to the laboratory.
    """


class AttemptUnavailable(AdapterUnavailable):
    """A laboratory that works gives no answer of this one attempt; of the others it may."""


class PartUnavailable(AdapterUnavailable):
    """One of several laboratories, ``part``, cannot be reached now; the others go on."""

    def __init__(self, part: str, why: str, what: str = AdapterUnavailable.what) -> None:
        super().__init__(f"{part}: {why}")
        self.part, self.why, self.what = part, why, what


class UnknownName(HakkenError):
    """A registry has no entry of that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        names = sorted(known)
        told = did_you_mean(name, names) if hint is None else hint
        super().__init__(f"unknown {kind} {name!r}{told}; known: {', '.join(names)}")
        self.kind, self.name, self.known = kind, name, tuple(names)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A short hint such as ``" (did you mean 'ligand'?)"``, or nothing."""
    names, plain = list(known), _without_signs(word)
    written = [name for name in names if _without_signs(name) == plain]
    near = get_close_matches(word, names)  # "lig" begins "ligand"; "date" has most letters of "plate", and is none
    begun = [name for name in near if name.startswith(word) or word.startswith(name)]
    close = written or get_close_matches(word, names, n=1, cutoff=ALIKE) or begun
    return f" (did you mean {close[0]!r}?)" if close else ""


def _without_signs(name: str) -> str:
    """A name in small letters, and without what parts its words: ``Compound ID`` is ``compound_id``."""
    return re.sub(r"[ _-]", "", name.casefold())
