"""Rows told again: what repeats another row, stands in the place of one, or was taken back before."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import Final

from flows.engine.people.rows import TELL, WHOLE, completed_by, content_of, exported_id, is_told
from flows.engine.people.slips import what_it_says
from flows.engine.steps.completing import completions_of, last_of
from loop.record import EnvelopeRecord, ObservationRecord
from loop.wording import plural

PLACES: Final = 8  # lines of a file that one message names


def places(file: str, lines: Sequence[str]) -> str:
    """Where one thing is so in a file: ``results.csv line 4``, or ``results.csv lines 4, 6, 9 and 20 more``."""
    if list(lines) == [WHOLE]:
        return file
    noun = f"line{'s' * (len(lines) > 1)} " if all(line.isdigit() for line in lines) else ""
    more = f" and {len(lines) - PLACES} more" if len(lines) > PLACES else ""
    return f"{file} {noun}{', '.join(lines[:PLACES])}{more}"


def repeats(name: str, file: str, added: Sequence[EnvelopeRecord]) -> tuple[str, ...]:
    """A note where added rows with numbers say to the letter what another row of their file says.

    Words and levels are often the same in true replicates, so nobody is asked about these.
    """
    again = [e for e in added if json.loads(e.payload)["occurrence"] > 1]
    if not again:
        return ()
    one = len(again) == 1
    what = "1 row repeats another" if one else f"{len(again)} rows repeat others"
    count = "counts as a replicate" if one else "count as replicates"
    copy = f"hakken retract {shlex.quote(name)} {again[0].id} --why COPY"
    return (
        f"{what} of {file} to the letter, and {count}: {_named(again)}. Where one is a copy and no "
        f"measurement of its own, take it back, such as {copy}",
    )


def twins(name: str, added: Sequence[EnvelopeRecord], standing: Iterable[EnvelopeRecord]) -> tuple[str, ...]:
    """A note where rows of other files say to the letter what added ones say: a copy, perhaps."""
    mine = {content_of(e) for e in added}
    theirs = [found for e in standing if is_told(e.source) and (found := content_of(e)) not in mine]
    said = {what for _, what in theirs}
    alike = [e for e in added if content_of(e)[1] in said]
    if not alike:
        return ()
    whats = {content_of(e)[1] for e in alike}
    files = [*dict.fromkeys(file.removeprefix(TELL) for file, what in theirs if what in whats)]
    whole = [f for f in files if len(alike) > 1 and {what for file, what in theirs if file == TELL + f} <= whats]
    back = " and ".join(f"hakken retract {shlex.quote(name)} {shlex.quote(f)} --file --why COPY" for f in whole)
    grown = (
        f"; all rows of {', '.join(map(repr, whole))} are among them: where this is what became of "
        f"{'that file' if len(whole) == 1 else 'those files'}, take back all of {'it' if len(whole) == 1 else 'them'}, "
        f"{back}, and let it keep its name from now on"
        if whole
        else ""
    )
    return (
        f"{len(alike)} of these rows say what rows of {', '.join(map(repr, files))} say that are on record, and count "
        f"beside them: {_named(alike)}. Where they are the same experiments, take each back, such as hakken retract "
        f"{shlex.quote(name)} {alike[0].id} --why COPY{grown}",
    )


def written_otherwise(
    name: str, standing: Iterable[ObservationRecord], judged: Mapping[str, EnvelopeRecord], added: Collection[str]
) -> tuple[str, ...]:
    """A note where at least half of the added rows, and two or more, have the settings and values of rows of other
    files, written otherwise: 0.85 of one and 85 % of another. A few alike may be replicates."""
    told = [(o, judged[o.id]) for o in standing if o.key is None and is_told(judged[o.id].source)]
    before = {_read(o): e for o, e in told if o.id not in added}
    pairs = [(e, old) for o, e in told if o.id in added and (old := before.get(_read(o))) is not None]
    pairs = [(e, old) for e, old in pairs if _file(e) != _file(old) and content_of(e)[1] != content_of(old)[1]]
    if len(pairs) < max(2, len(added) / 2):
        return ()
    alike, files = [e for e, _ in pairs], ", ".join(dict.fromkeys(repr(_file(old)) for _, old in pairs))
    copy = f"hakken retract {shlex.quote(name)} {alike[0].id} --why COPY"
    return (
        f"{len(alike)} of these rows have the settings and values that rows of {files} have, written otherwise, and "
        f"count beside them: {_named(alike)}. Where they are the same experiments, take each back, such as {copy}",
    )


def _read(o: ObservationRecord) -> str:
    """What was read of a result: its settings and values, to nine digits."""
    settings = {n: f"{v:.9g}" if isinstance(v, float) else v for n, v in sorted(o.settings.items())}
    return json.dumps([settings, what_it_says(o.outcome)])


def _file(envelope: EnvelopeRecord) -> str:
    return content_of(envelope)[0].removeprefix(TELL)


def corrected(
    name: str,
    file: str,
    standing: Iterable[ObservationRecord],
    judged: Mapping[str, EnvelopeRecord],
    added: Collection[str],
    received: Iterable[EnvelopeRecord],
) -> tuple[str, ...]:
    """A note where added rows stand in the place of rows that their file had when it was told before, and has no more:
    with the same settings, or, where others are still there, on the same line with one cell changed. Both count, and
    one may be a correction, unless their keys are of two experiments."""
    told = [(o, judged[o.id]) for o in standing if is_told(judged[o.id].source)]
    rows = [*received]
    there = {content_of(e) for e in rows}  # on whatever line of the file
    named = {completed_by(e) for e in rows}  # results that rows repeat under another header, or complete
    kept = {content_of(e)[0] for o, e in told if content_of(e) in there and o.id not in added}
    gone: dict[tuple[str, str], list[EnvelopeRecord]] = {}
    for o, e in told:
        if content_of(e) not in there and o.id not in named:
            for place in (_settings(o), line_of(e)):
                gone.setdefault((content_of(e)[0], place), []).append(e)
    pairs: dict[str, EnvelopeRecord] = {}  # by what was there
    for o, e in told if gone else ():
        if o.id not in added or completed_by(e):
            continue
        from_it = content_of(e)[0]
        alike = gone.get((from_it, _settings(o)), [])
        if from_it in kept:
            alike = alike + [g for g in gone.get((from_it, line_of(e)), []) if _differs_in_one(g, e)]
        alike = [g for g in alike if not (g.key and e.key and g.key != e.key)]  # of another experiment
        if (old := next((g for g in alike if g.id not in pairs), None)) is not None:
            pairs[old.id] = e
    if not pairs:
        return ()
    which = [f"{place_of(new)} (in the place of {old})" for old, new in [*pairs.items()][:PLACES]]
    more = f" and {len(pairs) - PLACES} more" if len(pairs) > PLACES else ""
    stand = "stands" if len(pairs) == 1 else "stand"
    return (
        f"{len(pairs)} of these rows {stand} in the place of what {file!r} had when it was told before, and both "
        f"count: {', '.join(which)}{more}. Where one corrects what was there, take that back, such as hakken retract "
        f"{shlex.quote(name)} {next(iter(pairs))} --why CORRECTED",
    )


def of_another(
    file: str, known: Sequence[EnvelopeRecord], received: Iterable[EnvelopeRecord], standing: Iterable[EnvelopeRecord]
) -> tuple[str, ...]:
    """A note where rows are known from a file of the same name of which most rows are not in this one.

    Two instruments may call their files alike, and their experiments may agree to the letter.
    """
    known = [e for e in known if e.key is None and content_of(e)[0] != TELL]  # neither a key nor an id says which it is
    rows = [*received]
    there, names = {content_of(e) for e in rows}, {content_of(e)[0] for e in known}
    named = {completed_by(e) for e in rows}  # what rows are, written otherwise
    told = (e for e in standing if is_told(e.source) and e.id not in named)
    before = {content for e in told if (content := content_of(e))[0] in names}
    if not (gone := len(before - there)) > len((before & there) | {content_of(e) for e in known}):
        return ()
    one = len(known) == 1
    has, it, is_ = ("says", "it", "is an experiment") if one else ("say", "them", "are experiments")
    lacks = plural(gone, "row")
    return (
        f"{places(file, [line_of(e) for e in known])} {has} to the letter what {file!r} said when it was told before, "
        f"with {lacks} that {'is' if gone == 1 else 'are'} not in it now, and {'is' if one else 'are'} not counted "
        f"again. Where {'this' if one else 'these'} {is_} of {'its' if one else 'their'} own, tell {it} from a file of "
        "another name",
    )


def retracted(
    earlier: Sequence[EnvelopeRecord], standing: Container[str], every: Callable[[], Iterable[ObservationRecord]]
) -> tuple[str, ...]:
    """A note where rows that were accepted once were retracted since: telling them again does not bring them back.

    What was completed since counts with all that joined it; ``every`` gives the results on record, retracted ones too.
    """
    after = completions_of(every()) if (gone := [e for e in earlier if e.id not in standing]) else {}
    gone = [e for e in gone if last_of(e.id, after) not in standing]
    if not gone:
        return ()
    which = f"line {line_of(gone[0])}" + (f" and {len(gone) - 1} more" if len(gone) > 1 else "")
    return (
        f"retracted, and so known and of no effect: {which}. To let such a result count again, tell its row with "
        "something changed, such as a comment that says why",
    )


def still_counting(name: str, withdrawn: Collection[str], standing: Iterable[EnvelopeRecord]) -> tuple[str, ...]:
    """A note where results that another campaign retracted, by their ids there, were told before and count here."""
    gone = [e for e in standing if withdrawn and exported_id(e) in withdrawn]
    if not gone:
        return ()
    what = "1 of them was told before, and counts"
    if len(gone) > 1:
        what = f"{len(gone)} of them were told before, and count"
    return (
        f"{what} here: {_named(gone)}. Where one is wrong, take it back here too, such as hakken retract "
        f"{shlex.quote(name)} {gone[0].id} --why WITHDRAWN",
    )


def line_of(envelope: EnvelopeRecord) -> str:
    """The line of a told file; of an imported one where in it, such as "trial 7"."""
    return envelope.source.rpartition(":")[2]


def place_of(envelope: EnvelopeRecord) -> str:
    """The place of a row in words."""
    return f"line {at}" if (at := line_of(envelope)).isdigit() else at


def _named(rows: Sequence[EnvelopeRecord]) -> str:
    """Places and ids of told rows; of more than a few, the first and how many more there are."""
    which = ", ".join(f"{place_of(e)} ({e.id})" for e in rows[:PLACES])
    more = len(rows) - PLACES
    return which + (f" and {more} more, which hakken export lists with their source" if more > 0 else "")


def _settings(o: ObservationRecord) -> str:
    return json.dumps(dict(o.settings), sort_keys=True)


def _differs_in_one(old: EnvelopeRecord, new: EnvelopeRecord) -> bool:
    """Whether two rows of one header differ in one cell."""
    before, after = (json.loads(e.payload)["cells"] for e in (old, new))
    changed = [head for head in after if before.get(head) != after[head]]
    return bool(before.keys() == after.keys() and len(changed) == 1)
