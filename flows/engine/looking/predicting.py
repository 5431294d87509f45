"""Predictions of candidates that a person asks for: rows of a file, or all that meet some conditions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.clients.cells import Cell, as_cell
from flows.engine.looking.histories import history_of, seed_of
from flows.engine.looking.other_options import nameless, with_others
from flows.engine.looking.view import View
from flows.engine.people.bans import among_banned, region_of
from flows.engine.people.bans import is_for_now as is_ban_for_now
from flows.engine.people.conditions import Conditions, NoRegion, read_conditions, settled_numbers, unmet
from flows.engine.people.rows import SETTINGS, Line, is_column, is_exported, read_settings, stand_ins, structures_told
from flows.engine.people.told_file import not_all, rows_of_file, rows_of_lines
from flows.engine.sources.hearing import sources_of
from flows.wiring import open_record
from loop.as_written import in_order
from loop.decision import DecisionKind, in_force
from loop.errors import HakkenError, OutcomeError, SpaceError, did_you_mean
from loop.fidelity import is_real
from loop.insight.statements import Predicted
from loop.record import Json
from loop.space import Component, Discrete, ProductPool, Space, sample_space
from loop.space.leaving_out import is_for_now, why_left_out
from loop.space.pool import CHUNK, said_size
from loop.space.rounding import rounded_by_itself
from loop.space.rows import different
from loop.spec import CampaignSpec, build_space
from loop.spec.space_models import LinearSpec

if TYPE_CHECKING:
    from flows.settings import Settings

SEARCHED: Final = 2_000_000  # candidates that conditions are looked up in
MOST: Final = 100_000  # candidates that are predicted at once
DRAWN: Final = 20_000  # of more, candidates that are drawn
SHOWN: Final = 2_000  # of these that are predicted where candidates cannot be listed
PREDICTED: Final = ("row", "chance", "experiments", "outside")  # columns of ``--out``, beside settings and targets


class PredictError(HakkenError):
    """Candidates to be predicted cannot be read; the message says which, and what is expected."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is believed of candidates; ``outside`` says by number which the file or a ban leaves out, and why."""

    found: Predicted
    outside: dict[int, str]
    parameters: Mapping[str, str]  # their units, in the order of the campaign file
    structures: Sequence[Mapping[str, str]]  # of each candidate, SMILES by parameter or product


def predict(
    settings: Settings,
    name: str,
    *,
    file: Path | None = None,
    rows: Sequence[Mapping[str, Cell]] | None = None,
    where: Sequence[str] = (),
) -> Answer:
    """What the campaign believes of the rows of a file, or of ``rows``, which are by column as a file has them; else of
    every candidate that meets all conditions of ``where``.

    Where candidates cannot be listed, some are drawn, and a note says so. Nothing is recorded. Rows may lie outside the
    space's bounds, and name substances that are none of its options; candidates are the real thing, unless a condition
    names a version.

    Raises:
        NotFound: There is no such campaign.
        PredictError: The rows cannot be read or are too many or none, or no candidate meets the conditions.
        SpaceError: A condition cannot be read.
        PlanError: Nothing can be predicted yet.
    """
    with open_record(settings) as ledger:
        view = View(ledger, name)
        if file is not None or rows is not None:
            spec, space, x, notes = _of_file(view, file) if file is not None else _of_rows(view, rows or ())
        else:
            spec, space = view.spec, view.space
            x, notes = _meeting(view, where, seed_of(spec.planner.seed, name, 0))
        from loop.insight.predicting import predict as predicted  # brings torch: seconds, only where it is asked for

        earlier, _, _ = sources_of(ledger, view.spec)
        history, _ = history_of(spec, space, view.counted, ())
        seed = seed_of(spec.planner.seed, name, 0)
        found = predicted(spec, history, x, seed=seed, earlier=earlier)
        found = replace(found, notes=(*notes, *found.notes))
        banned = _banned(view, [one.settings for one in found.candidates])
        left = {
            i: why
            for i, one in enumerate(found.candidates)
            if (why := why_outside(view.space, one.settings) or banned.get(i, ""))
        }
        units = {p.name: getattr(p, "unit", "") for p in view.space.shown}
        structures = tuple(_structures(view.space, space, one.settings) for one in found.candidates)
        return Answer(found, left, units, structures)


def _structures(before: Space, after: Space, settings: Mapping[str, str | float]) -> dict[str, str]:
    """SMILES of a candidate ``after`` options were added, by parameter or product; of reagents, of what was added."""
    structures = after.smiles(settings)
    for was, p in zip(before.parameters, after.parameters, strict=True):
        if before is not after and isinstance(was, Component) and isinstance(p, Component) and not p.is_stored:
            option = settings.get(p.name)  # without its structure the table could not be read again
            if option is not None and not was.has(option):
                structures.setdefault(p.name, p.smiles[round(p.index(option))])
    return structures


def _banned(view: View, candidates: Sequence[Mapping[str, str | float]]) -> dict[int, str]:
    """By number, which ban keeps a candidate out of the next batch."""
    found: dict[int, str] = {}
    for d in in_force(view.decisions, view.round_number + 1):
        if d.draft.kind is DecisionKind.BAN:
            out = "kept out for now" if is_ban_for_now(d) else "kept out"
            said = f"is {out} by ban {d.number} ({d.draft.why}): hakken lift {shlex.quote(view.name)} {d.number}"
            kept_out = among_banned(view.spec, view.space, d, candidates)
            found = {i: said for i, is_out in enumerate(kept_out) if is_out} | found
    return found


def why_outside(space: Space, settings: Mapping[str, str | float]) -> str:
    """Why the campaign would not propose this, ever or for now; "" where it may."""
    for p in space.parameters:
        if isinstance(p, Component) and p.name in settings and not p.has(settings[p.name]):
            return f"is none that the campaign chooses: {settings[p.name]!r} is no option of {p.name} in its file"
    if why := why_left_out(space, settings):
        return why
    for p in space.parameters:
        if isinstance(p, Discrete) and p.name in settings and (value := float(settings[p.name])) not in p.values:
            near = " and ".join(f"{v:g}" for v in sorted(sorted(p.values, key=lambda v: abs(v - value))[:2]))
            said = (
                f"lies outside the space as the campaign file has it: {p.name} has no value {value:g}, next to it are"
            )
            return f"{said} {near} {p.unit}".rstrip()
    x = space.coordinates(space.with_earlier(settings))[None]
    for rule in space.constraints:
        if is_for_now(rule) and not rule.allows(x)[0]:
            return f"is left out for now by the campaign file: by {rule.name!r}"
    return space.refusal(settings) or ""


def table_of(answer: Answer) -> list[dict[str, Any]]:
    """A row for each candidate in the order of its worth, its settings named as ``hakken export`` names them."""
    rows = []
    drawn = in_order(dict.fromkeys(name for smiles in answer.structures for name in smiles), [*answer.parameters])
    for number in answer.found.order:
        one, smiles = answer.found.candidates[number], answer.structures[number]
        row: dict[str, Any] = {"row": number + 1}
        for name, unit in answer.parameters.items():
            value = one.settings.get(name)
            row |= {f"settings.{name}": value} | ({f"settings.{name}.unit": unit} if unit else {})
        row |= {f"settings.{name}.smiles": smiles.get(name) or None for name in drawn}
        for stated in one.targets:
            said = {"mean": stated.mean, "low": stated.low, "high": stated.high, "unit": stated.unit}
            row |= {f"predicted.{stated.target}.{what}": value for what, value in said.items()}
        row |= {"chance": one.keeps, "experiments": one.experiments, "outside": answer.outside.get(number, "")}
        rows.append(row)
    return rows


def _of_file(view: View, path: Path) -> tuple[CampaignSpec, Space, NDArray[np.float64], tuple[str, ...]]:
    """Coordinates of the rows of a table of settings, ``(n, d)``, in a space that has what they name too, and notes.

    Columns of results are passed over, and so are those that mean nothing to the campaign, with a note.
    """
    wanted, columns = "a CSV, Parquet or Excel table with a column for each parameter", _Columns(view)
    told = rows_of_file(path, view.spec, view.space, PredictError, wanted=wanted, lines_as=columns.of)
    return (*_coordinates(view, told, str(path), "line"), columns.notes)


def _of_rows(
    view: View, rows: Sequence[Mapping[str, Cell]]
) -> tuple[CampaignSpec, Space, NDArray[np.float64], tuple[str, ...]]:
    """The same of rows that a program has, each by column."""
    if not rows:
        raise PredictError("no candidates are given; give a row for each, such as {'ligand': 'XPhos'}")
    header, columns = list(dict.fromkeys(column for row in rows for column in row)), _Columns(view)
    cells = [(number, [as_cell(h, row.get(h), PredictError) for h in header]) for number, row in enumerate(rows, 1)]
    lines = columns.of([(0, header), *cells])
    told = rows_of_lines(lines, view.spec, view.space, PredictError, header_of="candidates")
    return (*_coordinates(view, told, "the candidates", "row"), columns.notes)


def _coordinates(
    view: View, told: Sequence[tuple[int, str]], source: str, each: str
) -> tuple[CampaignSpec, Space, NDArray[np.float64]]:
    """Coordinates, ``(n, d)``, of rows by number in a space that has what they name too."""
    spec = with_others(view.spec, view.space, (payload for _, payload in told))
    space = view.space if spec is view.spec else build_space(spec)
    rows: list[NDArray[np.float64]] = []
    problems: list[str] = []
    for line, payload in told:
        try:
            rows.append(space.coordinates(read_settings(payload, spec, space)))
        except (OutcomeError, SpaceError) as error:
            problems.append(f"{each} {line}: {error}")
    if problems:
        if unknown := nameless(spec, space, (payload for _, payload in told)):
            problems.append(
                "what is no option is predicted by its SMILES: in its cell, or beside its name in a column "
                f"{' or '.join(f'{name}_smiles' for name in unknown)}"
            )
        raise PredictError(not_all(source, problems))
    if len(rows) > MOST:
        raise PredictError(f"{source} has {len(rows):,} rows, and {MOST:,} are predicted at once at most; divide it")
    return spec, space, np.array(rows)


class _Columns:
    """The columns of a table that is predicted, as a told one has them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.notes: tuple[str, ...] = ()  # on columns that were passed over

    def of(self, lines: Sequence[Line]) -> list[Line]:
        """The lines with what the campaign knows alone. Molecules are called as their parameter is; a column that may
        be meant as one of the campaign's stays, so that it is complained of."""
        lines = _without_what_was_predicted(lines)
        spec, space, header = self._view.spec, self._view.space, lines[0][1]
        if is_exported(header):
            return lines
        names = dict(zip(header, header, strict=True)) | stand_ins(header, spec, space.names)
        names |= {head: f"{name}_smiles" for head, name in structures_told(header, spec, space.names).items()}
        others = [h for h in header if h and not is_column(names[h], spec, space)]
        passed = [h for h in others if not did_you_mean(h.lower(), [*space.names, *spec.objective])]
        if passed:
            self.notes = (f"columns passed over, which are none of the campaign's: {', '.join(passed)}",)
        kept = [i for i, head in enumerate(header) if head not in passed]
        first = (lines[0][0], [names[header[i]] for i in kept])
        return [first, *((n, [c[i] for i in kept] if len(c) == len(header) else c) for n, c in lines[1:])]


def _without_what_was_predicted(lines: Sequence[Line]) -> list[Line]:
    """Lines of a table that ``--out`` wrote as of an exported one without results; any other as it is."""
    header = lines[0][1]
    if is_exported(header) or not any(head.startswith(SETTINGS) for head in header):
        return [*lines]
    mine = [i for i, head in enumerate(header) if head not in PREDICTED]
    kept = [(line, [cells[i] for i in mine] if len(cells) == len(header) else cells) for line, cells in lines]
    return [(line, [*cells, "outcome" if n == 0 else "measured"]) for n, (line, cells) in enumerate(kept)]


def _meeting(view: View, where: Sequence[str], seed: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Coordinates of every candidate that meets the conditions, ``(n, d)``, all of them without any; where candidates
    cannot be listed, of some that were drawn, and a note that says so."""
    asked = _asked(view, where)
    if asked.candidate is not None:
        return view.space.coordinates(asked.candidate)[None], ()
    space = asked.space
    try:
        pool = ProductPool(space) if space.is_finite else None
        is_listed = pool is not None and pool.counted.is_exact and len(pool) <= SEARCHED
        candidates = _listed(pool) if pool is not None and is_listed else (_drawn(view, space, seed),)
        every = np.vstack([np.empty((0, len(space.parameters))), *(x[asked.meets(x)] for x in candidates)])
    except SpaceError:
        raise PredictError(
            f"no candidate meets {' and '.join(where)} under the constraints of {view.name}; loosen a condition"
        ) from None
    if not len(every):
        said = unmet(space, asked.region)
        none = f"no candidate {'meets' if is_listed else f'of {DRAWN:,} that were drawn meets'} {' and '.join(where)}"
        raise PredictError(f"{none}{f': {said}' if said else ''}; loosen a condition")
    if is_listed:
        return _some_of(space, every, where, seed)
    found = different(rounded_by_itself(space, every[:SHOWN], _tried(view)))
    found = found[asked.meets(found)]
    why = "it has continuous numbers" if pool is None else f"it has {said_size(pool).removeprefix('the ')} of them"
    return found, (
        f"the candidates of {view.name} cannot be listed, since {why}: these are {len(found):,} "
        f"{'that meet that ' if where else ''}out of {DRAWN:,} drawn at random, and better ones may lie between them",
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What conditions ask for: one candidate, or those of a space that meet them."""

    space: Space  # continuous numbers that were given one value have that alone
    meets: Callable[[NDArray[np.float64]], NDArray[np.bool_]]  # which of coordinates (n, d) do: (n,)
    region: Json
    candidate: Mapping[str, str | float] | None


def _asked(view: View, where: Sequence[str]) -> _Asked:
    """Raises ``SpaceError`` where a condition cannot be read, or nothing of the space has a value that was given."""
    values = settled_numbers(view.space, where)
    try:
        wanted = read_conditions(view.space, where) if where else Conditions({}, None)
    except NoRegion:
        if not values:
            raise PredictError(
                f"campaign {view.name!r} has continuous numbers, of which a list of values is met by next to nothing; "
                "give one value of each, or a range such as NAME=4..6"
            ) from None
        wanted = Conditions({}, None)
    if wanted.candidate is not None or not values:
        return _Asked(view.space, _test(view, wanted), wanted.region, wanted.candidate)
    at = [LinearSpec.model_validate({"name": f"{n} = {v:g}", "sum": {n: 1}, "equals": v}) for n, v in values.items()]
    space = build_space(view.spec.model_copy(update={"constraints": [*view.spec.constraints, *at]}))
    others = [text for text in where if not settled_numbers(view.space, [text])]
    wanted = read_conditions(space, others) if others else Conditions({}, None)
    meets, columns = _test(view, wanted), [space.names.index(name) for name in values]
    exactly = np.array([*values.values()])
    told = {name: {"at_least": value, "at_most": value} for name, value in values.items()}
    region = {**wanted.region, "where": {**wanted.region.get("where", {}), **told}}
    return _Asked(
        space, lambda x: meets(x) & np.isclose(x[:, columns], exactly, rtol=1e-9, atol=1e-12).all(1), region, None
    )


def _test(view: View, wanted: Conditions) -> Callable[[NDArray[np.float64]], NDArray[np.bool_]]:
    """Which of coordinates ``(n, d)`` meet the conditions: shape ``(n,)``; cheap versions only where they are named."""
    if not wanted.region:
        return lambda x: is_real(view.space, x)
    ban = region_of(wanted.region, "asked for")
    without = build_space(view.spec.model_copy(update={"constraints": [*view.spec.constraints, ban]}))
    versions = {name for name, p in view.spec.space.items() if p.type == "fidelity"}
    if versions & {*(wanted.region.get("exclude") or {})}:
        return lambda x: ~without.allows(x)
    return lambda x: ~without.allows(x) & is_real(view.space, x)


def _some_of(
    space: Space, every: NDArray[np.float64], where: Sequence[str], seed: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Of all that meet the conditions, ``(n, d)``, as many as are predicted, and not what filters leave out."""
    notes: tuple[str, ...] = ()
    if len(every) > MOST:
        meet = "meet that" if where else "are there"
        which = np.random.default_rng(seed).choice(len(every), min(DRAWN, MOST), replace=False)
        notes = (f"{len(every):,} candidates {meet}: these are {len(which):,} drawn at random; narrow it by --where",)
        every = every[which]
    if space.is_sieved and not (holds := space.holds(every)).all():
        left_out = f"{len(holds) - holds.sum():,} of {len(holds):,} are left out by the filters of the file"
        if not holds.any():
            raise PredictError(f"no candidate meets {' and '.join(where)}: {left_out}; loosen a condition")
        every, notes = every[holds], (*notes, left_out)
    return every, notes


def _listed(pool: ProductPool) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(pool), CHUNK):
        yield pool.take(np.arange(start, min(start + CHUNK, len(pool)), dtype=np.int64))


def _drawn(view: View, space: Space, seed: int) -> NDArray[np.float64]:
    """What was tried, and candidates that stand for the space, ``(n, d)``."""
    return np.vstack([_tried(view), sample_space(space, DRAWN, seed, method="random")])


def _tried(view: View) -> NDArray[np.float64]:
    """Coordinates of what was tried within the space, ``(n, d)``, each once."""
    history, _ = history_of(view.spec, view.space, view.counted, ())
    every = np.array([o.made for o in history.observations]).reshape(-1, len(view.space.parameters))
    return different(every[view.space.holds(every)])
