"""Foreseeing: candidates that a laboratory is certain to refuse once they run, counted by reason before any does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.engine.looking.resources import laboratory_to_be, sample_experiments
from loop.contracts import Adapter, ExperimentSpec, Foresees, Problem
from loop.errors import AdapterError, AdapterFailed, AdapterUnavailable
from loop.spec import CampaignSpec, build_objective, build_space
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings
    from loop.record import ProposalDraft

MANY: Final = 1_000  # candidates up to which each is asked about: a fifth of a second
SAMPLE: Final = 400  # of more, spread over the space


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many of the candidates looked at are refused, with the first of them."""

    count: int
    rule: str
    example: str
    remedy: str

    def __str__(self) -> str:
        such = "is" if self.count == 1 else "are such as"
        return f"{self.count} of them {such} {self.example}, which {self.rule}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a laboratory foresees of the candidates of a campaign that were looked at."""

    looked_at: int
    is_all: bool  # whether these are all that there are
    refused: int
    reasons: tuple[Reason, ...]  # the most frequent first; a candidate counts for the first that it gives

    def said(self, laboratory: str) -> Iterator[str]:
        """A line for the whole and one for each reason; none where nothing is refused."""
        if not self.refused:
            return
        of = (
            f"the {plural(self.looked_at, 'candidate')}"
            if self.is_all
            else f"{plural(self.looked_at, 'candidate')} looked at"
        )
        yield (
            f"{laboratory} is certain to refuse {self.refused} of {of} once they run, and each that is proposed costs "
            "an experiment"
        )
        for reason in self.reasons:
            yield str(reason)


def foresee(laboratory: Adapter, spec: CampaignSpec) -> Foreseen | None:
    """What a laboratory foresees of the candidates of a campaign; None where it foresees nothing of any."""
    if not isinstance(laboratory, Foresees):
        return None
    experiments, is_all = candidates_of(spec)
    return foresee_of(laboratory, experiments, is_all=is_all)


@dataclass(frozen=True, slots=True)
class ForeseenPlan:
    """What the laboratory foresees of a campaign's candidates, and of each proposal of a plan in turn."""

    candidates: Foreseen | None
    proposals: tuple[Sequence[Problem], ...]
    unasked: str = ""  # why the laboratory could not be asked


def foresee_plan(
    settings: Settings, spec: CampaignSpec, proposals: Sequence[ProposalDraft], base: Path | None
) -> ForeseenPlan:
    """What the laboratory of a resolved spec foresees; ``base`` is where its paths start, None for one on record.

    It is built apart from its own files.
    """
    from flows.wiring import origin_of

    nothing = ForeseenPlan(None, tuple(() for _ in proposals))
    try:
        with laboratory_to_be(settings, spec, base or origin_of(settings, spec.campaign)) as built:
            laboratory = built.adapter
            if not isinstance(laboratory, Foresees):
                return nothing
            units, targets = build_space(spec).units, build_objective(spec).measured_units
            told = [
                laboratory.foresee(
                    ExperimentSpec(spec.campaign, p.candidate.settings, units, p.candidate.smiles, targets)
                )
                for p in proposals
            ]
            return ForeseenPlan(foresee(laboratory, spec), tuple(told))
    except AdapterError as error:
        return replace(nothing, unasked=f"the laboratory could not be asked what it foresees: {error}")


def candidates_of(spec: CampaignSpec) -> tuple[Sequence[ExperimentSpec], bool]:
    """The candidates of a campaign, or some of them where they are many; and whether these are all."""
    from loop.space import ProductPool

    space = build_space(spec)
    is_all = space.is_finite and not space.is_sieved and len(ProductPool(space)) <= MANY
    return sample_experiments(spec, MANY if is_all else SAMPLE), is_all


def foresee_of(laboratory: Adapter, experiments: Sequence[ExperimentSpec], *, is_all: bool) -> Foreseen | None:
    """As ``foresee``, of these experiments."""
    if not isinstance(laboratory, Foresees):
        return None
    first: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for experiment in experiments:
        try:
            problems = laboratory.foresee(experiment)
        except AdapterFailed:  # code of one's own
            raise
        except AdapterUnavailable:  # it is for ``health`` to say
            return None
        for problem in problems[:1]:
            kind = problem.rule, problem.remedy
            first.setdefault(kind, _named(experiment, problem))
            counts[kind] += 1
    reasons = tuple(Reason(n, rule, first[rule, remedy], remedy) for (rule, remedy), n in counts.most_common())
    return Foreseen(len(experiments), is_all, counts.total(), reasons)


def _named(experiment: ExperimentSpec, problem: Problem) -> str:
    """What a problem is about, with the name of the one structure where it has another than its SMILES."""
    names = [str(experiment.settings.get(parameter, "")) for parameter in experiment.smiles]
    if len(names) != 1 or not names[0] or names[0] in problem.subject:
        return problem.subject
    return f"{names[0]!r} ({problem.subject})"
