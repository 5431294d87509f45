"""Sentences about the honest best, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from loop.insight.statements import (
    CHECKED,
    Believed,
    HonestBest,
    Likely,
    Luckiest,
    OnSubstrate,
    Predicted,
    Reliance,
    Stated,
)
from loop.record import Json
from loop.wording import factor_text, in_digits, in_full, in_places, named, plural

if TYPE_CHECKING:
    from loop.insight.designed import Designed

HARDEST = 8  # substrates that are told of the best condition
GRADES = 6  # levels whose chances a sentence names
LIMITS = 3  # different limits that a line of measured values names
CUT = 0.01  # of a value at the end of its interval: the doubt that leaves it four digits
LACKING = 0.05  # chance of so much misfit by scatter alone, below which a design's model lacks something
APART = 0.25  # between shares of members: they rest on different things


def best_sentence(found: HonestBest) -> str:
    """The believed best in a line, "" where there is none; with several targets the front's likeliest member."""
    if found.is_hits and found.candidates:
        return hits_sentence(found)
    if not found.candidates or not found.front:
        return ""
    first = found.candidates[0]
    said = believed_line(first, found, ", ")
    if not found.is_kept:
        likely = f"; {chance_of(first.keeps)} to keep them" if first.keeps is not None else ""
        return f"nothing tried is believed to keep the thresholds; likeliest to: {first.label} ({said}{likely})"
    thing = "believed best condition" if found.scope else "believed best"
    if not found.model:
        return f"best by the mean of its values, without a model: {first.label} ({said})"
    if found.is_front:
        more = f", and {found.front - 1} more" if found.front > 1 else ""
        return f"believed front: {first.label} ({said}; {chance_of(first.best_of_tried)} to be on it){more}"
    return (
        f"{thing}: {first.label} ({said}; {chance_of(first.best_of_tried)} to be truly the best of "
        f"{len(found.candidates)} tried)"
    )


def hits_sentence(found: HonestBest) -> str:
    """How many hits were found, and what is likeliest to be the next."""
    hits = f"{plural(found.front, 'hit')} of {len(found.candidates)} tried"
    if found.front:
        hits += f", first {found.candidates[0].label}"
    if not found.likeliest:
        return hits
    return f"{hits}; likeliest of the untried: {found.likeliest[0].label} ({likely_line(found.likeliest[0])})"


def likely_line(likely: Likely) -> str:
    """The chance of a candidate without a result to be a hit, and whether its experiment need not be asked for."""
    out = "; kept out by a person" if likely.is_kept_out else ""
    return chance_of(likely.chance) + ("; its result is to come" if likely.is_at_work else out)


def regret_sentence(told: Json) -> str:
    """The statement as a person reads it, of what the record keeps."""
    if alike := told.get("alike"):
        return (
            f"no two results of {alike} are known to differ, so nothing is said of how much better others may be than "
            f"{told['incumbent']}"
        )
    of = f" of {' and '.join(told['unchecked'])}" if told.get("unchecked") else ""
    early = f"; few predictions{of} were held against results yet" if told["checked"] < CHECKED else ""
    if told["epsilon"] is None:
        so = "so nothing is said of how much better others may be"
        return f"{told['incumbent']} may break the thresholds itself, {so}{early}"
    sure = f"{1 - told['delta']:.4g}"
    nothing = 1.0 if told.get("factor") else 0.0
    more = f" by more than {size_of_regret(told, _size(told))}" if told["epsilon"] > nothing else ""
    over = "" if told["is_all"] else f", as far as {told['scored']:,} points tell"
    now = " of what may run now" if told.get("narrowed") else ""
    better = f"nothing untried{now} is better than {told['incumbent']}{more}"
    return f"with probability {sure} {better}{over}{if_exact(told)}{early}"


def size_of_regret(told: Json, size: str) -> str:
    """How much of the target a regret of ``size`` is: so much in its unit, or such a factor."""
    return f"a factor of {size}" if told.get("factor") else f"{size} {told.get('unit', '')}".rstrip()


def _size(told: Json) -> str:
    return factor_text(told["epsilon"]) if told.get("factor") else in_digits(told["epsilon"])


def if_exact(told: Json) -> str:
    """On what a statement on regret rests where nothing is known of how results scatter; older rounds do not say."""
    is_known = told.get("scatters", True) or (told.get("repeated") and not told.get("matched"))
    return "" if is_known else ", if results hardly scatter"


def believed_line(one: Believed, found: HonestBest | Predicted, between: str = "; ") -> str:
    """What is believed of every target of a candidate, after the score of a trade-off where there is one."""
    score = [] if one.score is None else [f"{one.score[0]} {in_digits(one.score[1])}"]
    return between.join([*score, *(stated_line(stated, found) for stated in one.targets)])


def stated_line(stated: Stated, found: HonestBest | Predicted) -> str:
    """A believed value with its interval and unit."""
    low, high = stated.low, stated.high
    # without a model it is a range of readings, which are said as they are
    doubt = 0.0 if low is None or high is None or not found.model else (high - low) / 2
    if doubt and stated.mean in (low, high):  # cut off at what can be, where its width tells no doubt
        doubt = max(doubt, CUT * abs(stated.mean))
    text = f"{stated.target} {in_places(stated.mean, doubt, unit=stated.unit)}"
    if stated.classes:
        text = f"chance of {named(stated.target, stated.sought)} {stated.mean:.2g}"
    text += graded_text(stated.chances) or _between(stated)
    if stated.is_known:
        return f"{text} {stated.unit}".rstrip() + " (exact)"
    if low is not None and high is not None and low < high:
        kind = f"{found.level:.0%}" if found.model else "range"
        ends = " to ".join(in_places(end, doubt, unit=stated.unit) for end in (low, high))
        text += f" [{kind}: {ends}]"
    return f"{text} {stated.unit}".rstrip()


def graded_text(chances: Mapping[str, float]) -> str:
    """The chance of each level in brackets; of many, of the likeliest. "" where there are none."""
    likeliest = sorted(chances, key=lambda word: -chances[word])[:GRADES]
    told = [f"{word} {100 * chances[word]:.0f} %" for word in chances if word in likeliest and chances[word] >= 0.005]
    return f" ({', '.join(told)})" if told else ""


def _between(stated: Stated) -> str:
    """Between the words of which levels a mean lies; "" where levels have none."""
    below = [level for level in stated.grades if level <= stated.mean]
    above = [level for level in stated.grades if level >= stated.mean]
    if not below or not above:
        return ""
    low, high = stated.grades[max(below)], stated.grades[min(above)]
    return f" ({low})" if low == high else f" (between {low} and {high})"


def measured_line(stated: Stated) -> str:
    """What was measured, value by value."""
    values = stated.told or [stated.grades.get(v) or in_full(v, stated.unit) for v in stated.values]
    shown = [*values[:8], *([f"and {len(values) - 8} more"] if len(values) > 8 else []), *_counted(stated.limits)]
    return f"{named(stated.target, ', '.join(shown))} {stated.unit}".rstrip()


def _counted(limits: Sequence[str]) -> list[str]:
    """The first few different limits, each with how often it was found, and how many there are besides."""
    often = Counter(limits)
    told = [limit if n == 1 else f"{times(n)} {limit}" for limit, n in often.items()]
    left = sum(list(often.values())[LIMITS:])
    return [*told[:LIMITS], f"and {left} more limits"] if left > 1 else told


def measured_lines(found: HonestBest, one: Believed) -> str:
    """How often and what was measured of a candidate; of a condition, with how many substrates."""
    times = plural(one.experiments, "time")
    if found.scope:
        return f"measured {times}, {coverage(found, one)}"
    return f"measured {times}: " + "; ".join(measured_line(stated) for stated in one.targets)


def coverage(found: HonestBest, one: Believed) -> str:
    """With how many of the substrates on which it is judged a condition was measured."""
    told = f"with {one.covered} of {one.allowed} substrates"
    is_whole = one.allowed == found.scope_size
    return told if is_whole else f"{told} (constraints allow {one.allowed} of {found.scope_size} with it)"


def substrate_lines(found: HonestBest) -> Iterable[str]:
    """What is believed of the best condition with each substrate, the hardest first; nothing without a scope."""
    substrates = found.candidates[0].substrates if found.candidates else ()
    if not substrates:
        return
    yield f"{found.candidates[0].label} with each substrate, the hardest first:"
    for one in substrates[:HARDEST]:
        yield substrate_line(one)
    if len(substrates) > HARDEST:
        more = len(substrates) - HARDEST
        yield f"and {more} easier {'one' if more == 1 else 'ones'}"


def substrate_line(one: OnSubstrate) -> str:
    """What is believed of a condition with one substrate, and what was measured there."""
    doubt = 0.0 if one.low is None or one.high is None else (one.high - one.low) / 2
    within = ""
    if one.low is not None and one.high is not None and one.low < one.high:
        within = f" [{in_places(one.low, doubt)} to {in_places(one.high, doubt)}]"
    text = f"{one.label}: {in_places(one.mean, doubt, unit=one.unit)}{within} {one.unit}".rstrip()
    if read := [*(in_full(v, one.unit) for v in one.values), *one.limits]:
        text += f", measured {', '.join(read)}"
    if one.negatives:
        text += f", answered by no without a limit {times(one.negatives)}"
    return f"{text}, failed {times(one.faults)}" if one.faults else text


def times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def lucky_line(lucky: Luckiest, *, is_front: bool) -> str:
    """The luckiest measurement where it belongs to another candidate than the best, or to none of the front."""
    value = lucky.word or f"{in_full(lucky.value, lucky.unit)} {lucky.unit}".rstrip()
    whose = "one off the front" if is_front else "another"
    return f"the best single value of {lucky.target}, {value}, was measured of {whose}: {lucky.label}"


def chance_of(chance: float | None) -> str:
    """A chance in words that do not claim more than the draws can tell."""
    if chance is None:
        return "no chance given"
    if chance > 0.999:
        return "a chance above 0.999"
    if chance < 0.001:
        return "a chance below 0.001"
    return f"a chance of {chance:.{2 if chance < 0.99 else 3}g}"  # two digits of 0.997 would make it certain


def facts(found: HonestBest, one: Believed) -> Iterable[str]:
    """Everything besides the values that is to be said of a candidate."""
    where = "on the true front" if found.is_front else "truly the best"
    if found.is_hits:
        if one.keeps is not None:
            yield f"{chance_of(one.keeps)} to be a hit, as believed of what was measured near it too"
        if one.faults:
            yield f"failed {times(one.faults)} in a way that says something of it"
        return
    if one.best_of_tried is not None:
        tried = "tried" if len(one.targets) == 1 else "of which every target was measured"
        yield f"{chance_of(one.best_of_tried)} to be {where} of the {len(found.candidates)} {tried}"
    if one.best_of_all is not None:
        bound = " at most" if found.is_bound else ""
        yield f"{chance_of(one.best_of_all)}{bound} to be so of all {found.noun}s"
    if one.keeps is not None and one.keeps < 0.9995:
        within = " within the thresholds" if found.has_thresholds else ""
        yield f"{chance_of(one.keeps)} to run as intended{within}"
    if one.faults:
        yield f"failed {times(one.faults)} in a way that says something of it"
    if one.unread:
        yield (
            f"no value with {one.unread} of its substrates, where every answer was no or it failed: what is believed "
            "there is a guess; tell what no means as a limit, such as '< 1'"
        )


def why_effects(told: Designed) -> str:
    """Why a design's differences are effects, or what has to hold for that."""
    if told.is_random:
        return "It was fixed beforehand and run in random order, so that these are effects of what was changed."
    return (
        "It was fixed beforehand. Where it was run in random order, these are effects of what was changed; else they "
        "may be of what changed meanwhile."
    )


def design_notes(told: Designed) -> Iterable[str]:
    """What is to be said of a design's effects beside the numbers, for a person."""
    if not told.effects:
        yield "its results do not tell main effects apart"
        yield from told.notes
        return
    clear = [one.term for one in told.effects if one.is_clear]
    by_chance = len(told.effects) / 20
    some = f"; of {len(told.effects)} about {by_chance:.0f} would be by chance" if by_chance >= 1 else ""
    yield f"clear of scatter (95 %): {', '.join(clear)}{some}" if clear else "nothing is clear of scatter (95 %)"
    unit = f" {told.unit}" if told.unit else ""
    some_alone = told.design == "definitive" and told.order == "quadratic"  # the products and squares that stood out
    model = "the model of these effects" if some_alone else f"the {told.order} model"
    among = "" if told.replicated is None else f", replicates by {in_digits(told.replicated, 2)}{unit}"
    if told.scatter is None:
        yield (
            "nothing is left over to tell the scatter: intervals are right where most of these effects are nought "
            f"(Lenth's){among}"
        )
    else:
        yield (
            f"one experiment scatters by {in_digits(told.scatter, 2)}{unit} about {model} "
            f"({plural(told.freedom, 'degree')} of freedom){among}"
        )
    if told.lacking is not None and told.lacking < LACKING:
        yield (
            f"{model} misses more than replicates scatter (a chance of {told.lacking:.2g} by scatter "
            "alone): something bends or goes together that it does not have"
        )
    if told.products:
        where = "mixed with these effects" if told.products == "mixed" else "in the scatter"
        yield f"products of two parameters are not told, and are {where}"
    yield from told.notes


def reliance_notes(reliance: Reliance) -> Iterable[str]:
    """What is to be said of it beside the numbers, for a person."""
    if reliance.settled:
        names, one = " and ".join(reliance.settled), len(reliance.settled) == 1
        yield (
            f"nothing is said of {names}: the constraints leave {'it' if one else 'none of them'} "
            f"{'no other' if one else 'another'} value while all others stay as they are"
        )
    if reliance.candidates < 2:
        yield "there is one candidate alone, so no parameter has values that something could follow"
        return
    if not reliance.parameters and not reliance.settled:
        yield "no two results are known to differ, so nothing tells what they follow: tell more first"
        return
    if reliance.parameters and not reliance.results:
        yield (
            f"no {reliance.target} that counts was measured yet: all this is what cheaper versions, or sources, say of "
            "it"
        )
    if reliance.parts:
        each = "each of " if len(reliance.parts) > 1 else ""
        yield f"{each}{' and '.join(reliance.parts)} changes while what it is mixed with keeps its proportions"
    apart = [one.parameter for one in reliance.parameters if one.most - one.least > APART]
    if apart:
        yield f"models that predict about as well do not agree how much follows {' and '.join(apart)}"
    alone = [one.parameter for one in reliance.parameters if sum(a.tried > 0 for a in one.adds) == 1]
    if alone:
        yield f"{' and '.join(alone)}: one value was tried, so what the others add is expected, and not seen"
