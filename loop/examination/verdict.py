"""Verdict: what the evidence comes to, why, and what would help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scipy.special import chdtri

from loop.examination.parts import Split
from loop.examination.signs import Leak, Signs
from loop.examination.skill import LEVELS, Ranking, Skill
from loop.examination.stress import Stress
from loop.space.counting import wilson
from loop.wording import in_digits, plural

FEW: Final = 20  # held-out values below which nothing is said of skill
NO_BETTER: Final = 0.95  # share of an error that is no improvement on it
WORSE_AWAY: Final = 1.25  # times the error at home
ROUGH: Final = 0.8  # neighbours tell next to nothing
NOISY: Final = 0.5  # share of the variance that is noise
REPEATED: Final = 10  # repeats below which it is said how little they tell: nine in ten times within a factor of 1.6
UNCOVERED: Final = 0.5  # share of the pool that is like the data
NARROW: Final = 0.10  # short of the level of an interval, where so many values leave no doubt of it
UNSTEADY: Final = 0.5  # spread between refits over their error
MISCOUNTED: Final = 0.15  # share of the hits that their expected number may be off
RANKED: Final = 0.6  # area under the curve below which hits are hardly told
TOLD: Final = 5  # hits, and others, from which on two orders of them are compared
LEAKS: Final = 0.05  # share of held-out candidates that training knows


class Standing(StrEnum):
    """What a finding means for a decision."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, and what would help ("" where nothing is wrong)."""

    standing: Standing
    says: str
    remedy: str = ""


def verdict(
    unit: str, signs: Signs, skills: Sequence[Skill], leaks: Sequence[Leak], stresses: Sequence[Stress]
) -> tuple[Finding, ...]:
    """Findings on one target, the skill of the model first."""
    home = next((s for s in skills if s.split is Split.RANDOM), None)
    of = f" of {signs.version}" if signs.version else ""
    if home is None or home.tested < FEW:
        tested = 0 if home is None else home.tested
        which = f", beside {plural(signs.limits, 'limit')}, of which no error is known" if signs.limits else ""
        says = f"{plural(tested, 'value')}{of} could be held out{which}; "
        says += f"{FEW} at least are needed to say how well models predict"
        few = Finding(Standing.WARNING, says, _MEASURABLE if signs.limits > signs.n else _LATER)
        return (few, *_of_scale(signs))
    if signs.spread == 0.0:
        says = f"all {signs.n} values{of} are the same: nothing to learn from yet"
        return (Finding(Standing.WARNING, says, _VARIES),)
    found = []
    if home.ranking is None:  # squares of chances say little of how hits are told
        found = [_learns(unit, home, signs)]
        found += [_away(unit, home, s) for s in skills if s.split is not Split.RANDOM and s.tested >= FEW]
    found += [f for s in skills for f in _intervals(s)]
    found += _data(unit, signs)
    found += [f for leak in leaks for f in _leaks(leak)]
    found += [f for s in stresses for f in _unsteady(unit, s)]
    return tuple(found)


def _learns(unit: str, home: Skill, signs: Signs) -> Finding:
    model, nearest, mean = (_shown(v, unit) for v in (home.model, home.nearest, home.mean))
    errors = f"error {model}, nearest neighbour {nearest}, mean {mean}"
    if home.model >= NO_BETTER * home.mean:
        return Finding(Standing.BAD, f"models predict no better than the mean ({errors})", _why(signs))
    if home.model >= NO_BETTER * home.nearest:
        says = f"models predict {_than_nearest(home)} ({errors})"
        return Finding(Standing.WARNING, says, _SEES)
    return Finding(Standing.GOOD, f"models have learnt something ({errors})")


_LATER: Final = "go on with the campaign, and examine it again"
_MEASURABLE: Final = (
    "most results are limits: a measurement that reaches further (a lower detection limit, a larger range) tells more "
    "of each; go on, and examine it again"
)
_VARIES: Final = (
    "go on until one is another; a candidate whose value is known to be another (a positive control) shows that the "
    "measurement can tell"
)
_NEXT: Final = f"trust no prediction of what comes next; {_LATER}"
_SEES: Final = "more data, or a surrogate that sees what matters (planner: {surrogate: [...]})"


def _than_nearest(skill: Skill) -> str:
    """How a model stands to the nearest neighbour that it is no better than."""
    return f"{'worse' if NO_BETTER * skill.model > skill.nearest else 'no better'} than the nearest neighbour"


def _why(signs: Signs) -> str:
    """The likeliest reason why nothing can be learnt, with what would help."""
    if signs.noise is not None and signs.spread > 0 and (signs.noise / signs.spread) ** 2 > NOISY:
        return "most of the variance is noise between replicates: replicate, or improve the assay"
    if signs.roughness is not None and signs.roughness > ROUGH:
        return "neighbours differ as any two do: another representation, more data, or no model (surrogate: random)"
    if signs.candidates < 50:
        return (
            "few candidates so far: go on, with a control arm (planner: {control: 0.2}) that shows whether models help"
        )
    return "another surrogate, or measurements whose noise is known (replicates) to tell noise from ignorance"


def _away(unit: str, home: Skill, away: Skill) -> Finding:
    ratio = away.model / home.model if home.model > 0 else 1.0
    where = {
        Split.SCAFFOLD: "new scaffolds",
        Split.CLUSTER: "new clusters",
        Split.OPTION: "options that nobody has seen",
        Split.TIME: "what came later",
    }[away.split]
    errors = (
        f"error {_shown(away.model, unit)} for {_shown(home.model, unit)} at random, "
        f"nearest neighbour {_shown(away.nearest, unit)}, mean {_shown(away.mean, unit)}"
    )
    if away.model >= NO_BETTER * away.mean:
        says = f"on {where} models predict no better than the mean ({errors})"
        helps = _NEXT if away.split is Split.TIME else f"trust no prediction there; measure some of {where} first"
        return Finding(Standing.BAD, says, helps)
    if away.model >= NO_BETTER * away.nearest:
        return Finding(Standing.WARNING, f"on {where} models predict {_than_nearest(away)} ({errors})", _SEES)
    if ratio > WORSE_AWAY:
        says = f"on {where} errors are {ratio:.1f} times as large ({errors})"
        return Finding(Standing.WARNING, says, "read predictions there with that in mind")
    return Finding(Standing.GOOD, f"on {where} models predict nearly as well ({errors})")


def _intervals(skill: Skill) -> list[Finding]:
    if skill.tested < FEW:
        return []
    if (r := skill.ranking) is not None:  # a class lies in no interval: its chances are held against what came
        return [_chances(skill, r)]
    short = [
        f"{level:.0%} intervals hold {share:.0%}"
        for level, share in zip(LEVELS, skill.coverage, strict=True)
        if share < level - NARROW and wilson(round(share * skill.tested), skill.tested)[2] < level
    ]
    if not short:
        return []
    says = f"intervals are too narrow on the {skill.split.value} split: {', '.join(short)}"
    return [Finding(Standing.WARNING, says, "replicates tell the noise; a committee of more members tells ignorance")]


def _chances(skill: Skill, r: Ranking) -> Finding:
    told = (
        f"on the {skill.split.value} split {r.expected:.1f} hits were expected of {skill.tested} held out, {r.found} "
        f"found; area under the curve {r.area:.2f}, {r.enrichment:.1f} times as many hits among the likeliest 5 %"
    )
    if (near := skill.nearest_area) is not None:
        told += f"; nearness to a known hit alone gives an area of {near:.2f}"
        few = min(r.found, skill.tested - r.found) < TOLD
        if not few and 1.0 - r.area >= NO_BETTER * (1.0 - near):
            return Finding(Standing.WARNING, f"models tell hits no better than nearness to a known hit: {told}", _SEES)
    off = abs(r.expected - r.found)
    sure = max(math.sqrt(max(r.expected, 1.0)), MISCOUNTED * r.found)  # of rare things the count scatters by its root
    if off > 2 * sure:
        return Finding(Standing.WARNING, told, "read chances there as a ranking, not as numbers")
    if r.area < RANKED:
        return Finding(Standing.WARNING, told, "models hardly tell hits there: more results, or another surrogate")
    return Finding(Standing.GOOD, told)


def _of_scale(signs: Signs) -> list[Finding]:
    if signs.powers is None:
        return []
    says = f"values span {signs.powers:.1f} powers of ten, of which models of plain numbers see the largest alone"
    helps = "scale: log beside its goal, where factors count and not differences"
    if zeros := signs.zeros:
        helps += (
            f", and of {plural(zeros, 'value')} that {'is' if zeros == 1 else 'are'} 0 the limit below which "
            f"{'it lies' if zeros == 1 else 'they lie'}, such as <0.1: a zero trains nothing there"
        )
    return [Finding(Standing.WARNING, says, helps)]


def _data(unit: str, signs: Signs) -> list[Finding]:
    found = _of_scale(signs)
    if signs.noise is not None and signs.spread > 0:
        share = (signs.noise / signs.spread) ** 2
        added = f"{' and '.join(signs.beside)} add{'s' * (len(signs.beside) == 1)}"
        beside = f", less what {added}," if signs.beside else ""
        noise = f"noise between replicates{beside} is {_shown(signs.noise, unit)}"
        says = f"{noise}, {min(share, 1.0):.0%} of the variance"
        look, most = "", signs.noise
        if signs.noise > 0 and (repeats := signs.repeats) < REPEATED:
            least, most = (signs.noise * math.sqrt(repeats / float(chdtri(repeats, p))) for p in (0.05, 0.95))
            leave = f"{plural(repeats, 'repeat')} leave{'s' * (repeats == 1)}"
            says += f"; {leave} it between {in_digits(least, 2)} and {in_digits(most, 3)} {unit}".rstrip()
        if signs.apart:
            low, high = signs.ends
            look = f"look first at {signs.apart}, whose values go from {in_digits(low, 4)} to {_shown(high, unit)}"
        if share > NOISY:
            found.append(Finding(Standing.BAD, says, look))
        elif (most / signs.spread) ** 2 > NOISY:
            found.append(Finding(Standing.WARNING, says, "a few more candidates measured twice"))
        else:
            found.append(Finding(Standing.GOOD, says))
    if signs.roughness is not None and signs.roughness > ROUGH:
        says = f"the surface is rough: nearest neighbours differ by {signs.roughness:.2f} of what any two do"
        found.append(Finding(Standing.WARNING, says))
    if signs.covered is not None and signs.covered < UNCOVERED:
        says = f"{signs.covered:.0%} of the candidates are as near to the data as the data are to one another"
        helps = "results of some of the others; until then predictions of them go beyond the data"
        found.append(Finding(Standing.WARNING, says, helps))
    return found


def _leaks(leak: Leak) -> list[Finding]:
    if leak.same <= LEAKS:
        return []
    says = (
        f"on the {leak.split.value} split {leak.same:.0%} of what is held out cannot be told from what trains "
        f"({leak.same_value:.0%} of them with the same value)"
    )
    return [Finding(Standing.WARNING, says, "look for stereoisomers, salts or rows entered twice")]


def _unsteady(unit: str, stress: Stress) -> list[Finding]:
    if stress.error_away is None or not stress.away > UNSTEADY * stress.error_away:
        return []
    says = (
        f"refits of {stress.model} that differ only in their seed part by {_shown(stress.away, unit)} on the "
        f"{stress.split.value} split ({_shown(stress.home, unit)} at home)"
    )
    return [Finding(Standing.WARNING, says, "a single one's prediction there is an accident; use a committee")]


def _shown(value: float, unit: str) -> str:
    return f"{in_digits(value)} {unit}".rstrip()
