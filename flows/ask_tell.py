"""Ask and tell in Python: a campaign on record, driven by a program of one's own.

Everything that ``hakken run`` does is done, too: each proposal, prediction and result is on record, a program that was
killed goes on by the same keys, and ``hakken status``, ``show``, ``best`` and ``report`` tell of it.
"""

from __future__ import annotations

import json
import re
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol

from flows import engine
from flows.engine.changes.notes import change_of
from flows.engine.clients.handing import Asked, AskError, Experiment
from flows.engine.clients.results import Told
from flows.engine.looking.reports import StatusReport, TellReport
from flows.settings import Settings
from flows.wiring import open_record
from loop.insight.statements import Comparison, HonestBest, Reliance
from loop.record import AttemptRecord

Value = str | int | float | Mapping[str, Any] | None
_LIMIT: Final = re.compile(r"\s*([<>])\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


class NotCounted(UserWarning):
    """A result was kept and does not count; the message says why, as ``Told.message`` does."""


class Table(Protocol):
    """A data frame of pandas, or what gives its rows likewise."""

    def to_dict(self, orient: Any) -> Any: ...


class Campaign:
    """A campaign whose laboratory is ``ask_tell``, asked for experiments and told what came of them.

    ::

        campaign = Campaign("campaign.yaml")
        for experiment in campaign.ask(4, key="monday").experiments:
            campaign.tell(experiment.key, {"yield": run(experiment.settings)})
        print(campaign.best().candidates[0])
    """

    def __init__(self, campaign: Path | str, *, settings: Settings | None = None, by: str | None = None) -> None:
        """Open the campaign of a file, or one that is on record.

        Args:
            campaign: A campaign file (``.yaml``), which is put on record or brought up to date; or a name.
            settings: Where the record is; as the environment says when left out (``HAKKEN_HOME``, ...).
            by: Who asks and tells, as it stands in the record; ``HAKKEN_USER`` or the login name when left out.

        Warns:
            UserWarning: The file changes what is on record, and undoes another's change, or leaves results or what is
                at work without what they need.

        Raises:
            AskError: It is neither.
            SpecError: The file cannot be read or is wrong, or changes what results on record mean.
            NotFound: No campaign of that name is on record.
        """
        if wrong := _no_campaign(campaign):
            raise AskError(f"a campaign is a campaign file (.yaml) or the name of one on record, got {wrong}")
        self.settings = Settings.from_environment() if settings is None else settings
        self.by = self.settings.by if by is None else by
        is_file = str(campaign).endswith((".yaml", ".yml")) or isinstance(campaign, Path)
        self.name = self._taken_up(Path(campaign)) if is_file else str(campaign)
        self.status()  # raises where it is not on record

    def _taken_up(self, file: Path) -> str:
        """The campaign of a file, put on record or brought up to date."""
        change = change_of(self.settings, engine.read_campaign_file(file, self.settings), str(file))
        name = engine.add_campaign(self.settings, file)
        for note in () if change is None else change.notes:
            warnings.warn(note, stacklevel=3)
        return name

    def __repr__(self) -> str:
        return f"Campaign({self.name!r})"

    def ask(self, experiments: int = 1, *, key: str | None = None) -> Asked:
        """At most so many experiments, planned where a batch is due; see ``flows.engine.clients.handing.ask``.

        ``key`` names the request: who gives it again gets the same experiments, as they stand then, and so can go
        on after a crash. Without one each call is another request.
        """
        n, request = _plain(experiments), str(uuid.uuid4()) if key is None else key
        return engine.ask(self.settings, self.name, n, request=request, by=self.by)

    def tell(
        self,
        experiment: Experiment | str,
        values: Mapping[str, Value] | None = None,
        *,
        negative: str = "",
        fault: str = "",
        message: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> Told:
        """What came of an experiment: values, a negative, or a fault; see ``loop.outcome.read_outcome``.

        Args:
            experiment: It, or its key.
            values: By target: a number in the target's unit, the word of a level, a limit such as ``"<1"``, or an
                object with ``value`` and any of ``unit``, ``sd``, ``n``, ``qualifier``, ``channel``. None and NaN say
                that it was not measured. numpy's and pandas' values will do.
            negative: That it ran as intended and the answer was no, and what that was: ``"no conversion"``; give values
                beside it that say how little, such as ``"<1"``.
            fault: That it did not run as intended: a kind of ``loop.outcome.FaultKind``, such as ``instrument_fault``,
                or ``cannot`` where the candidate cannot be made.
            message: What happened, of a fault.
            context: What was recorded beside: instrument, lot, actual settings, ...

        Raises:
            AskError: It is no experiment; neither values nor a negative nor a fault is given, or something beside a
                fault; values do not go by target.
            LeaseHeld: Somebody else works on the campaign and gives no way.

        Warns:
            NotCounted: It was kept and does not count: it cannot be read, or another result came first.
            UserWarning: What else is to be said, as in ``Told.notes``: a safety stop, a name that is no target, ...
        """
        if (values is None and not negative and not fault) or (fault and (negative or values is not None)):
            raise AskError(
                f"experiment {_key(experiment)}: tell values, a negative or a fault, and beside a negative only values"
            )
        if values is not None and not hasattr(values, "items"):
            target = next(iter(experiment.targets), "yield") if isinstance(experiment, Experiment) else "yield"
            raise AskError(
                f"experiment {_key(experiment)}: values go by target, such as {{{target!r}: 50}}, got {values!r}"
            )
        said: dict[str, Any]
        if fault:
            said = {"outcome": "fault", "kind": fault, "message": message or fault}
        else:
            rows = list(_values({} if values is None else values))
            said = {"outcome": "negative", "reason": negative} if negative else {"outcome": "measured"}
            said |= {"values": rows} if rows else {}
        if context:
            said["context"] = _plain(context)
        told = engine.tell_result(self.settings, self.name, _key(experiment), _written(said), by=self.by)
        if not told.counts:
            said_of = f"the result of experiment {told.key} is kept and does not count ({told.verdict.value})"
            warnings.warn(f"{said_of}: {told.message}", NotCounted, stacklevel=2)
        for note in told.notes:
            warnings.warn(note, stacklevel=2)
        return told

    def tell_own(self, rows: Sequence[Mapping[str, Any]] | Table, *, key: str | None = None) -> TellReport:
        """Results of experiments that nobody proposed, each with its settings; see ``flows.engine.clients.own``.

        A row with a ``key`` is the result of the experiment that was handed out under it.

        Raises:
            AskError: It is no table.

        Warns:
            NotCounted: A row cannot be read; the others count. ``problems`` of the report says which.
        """
        cells = [_plain(row) for row in _rows(rows)]
        request = str(uuid.uuid4()) if key is None else key
        told = engine.tell_own(self.settings, self.name, cells, request=request, by=self.by)
        if told.problems:
            warnings.warn("; ".join(told.problems), NotCounted, stacklevel=2)
        return told

    def give_back(self, experiment: Experiment | str, why: str = "") -> AttemptRecord:
        """Say of an experiment that was handed out that it never ran: the next who asks gets it.

        Given as it was handed out, saying so twice takes it from nobody who has it by then.
        """
        request = None if isinstance(experiment, str) else experiment.request
        return engine.give_back(self.settings, self.name, _key(experiment), by=self.by, request=request, why=why)

    def status(self) -> StatusReport:
        """Where the campaign stands."""
        return engine.status(self.settings, self.name, str)[0]

    def best(self) -> HonestBest:
        """What is believed best, given noise and constraints, with an interval and the chance that it is."""
        return engine.best(self.settings, self.name)

    def predict(
        self, candidates: Sequence[Mapping[str, Any]] | Table | None = None, *, where: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """What is believed of candidates, a row for each: its settings, and what ``pandas.DataFrame`` takes besides.

        Of each target its mean under its name, the ends of a 90 % interval of the true value under ``NAME low`` and
        ``NAME high``, in its unit; ``chance`` that it runs as intended and keeps every threshold, how many
        ``experiments`` were made of it, and under ``outside`` why the campaign would not propose it, "" where it may.

        Args:
            candidates: Rows of settings, or a data frame; rows come back in this order.
            where: Without them, conditions such as ``"ligand=XPhos"`` or ``"temperature>100"``: every candidate that
                meets all of them, the most promising first.

        Raises:
            AskError: They are no table.
            PredictError: A row cannot be read; or none is given or meets the conditions.
            PlanError: Nothing can be predicted yet.
        """
        rows = None if candidates is None else [_plain(row) for row in _rows(candidates)]
        answer = engine.predict(self.settings, self.name, rows=rows, where=where)
        order = answer.found.order if candidates is None else range(len(answer.found.candidates))
        found = []
        for number in order:
            one = answer.found.candidates[number]
            row = {name: one.settings.get(name) for name in answer.parameters}
            for said in one.targets:
                row |= {said.target: said.mean, f"{said.target} low": said.low, f"{said.target} high": said.high}
            outside = answer.outside.get(number, "")
            found.append({**row, "chance": one.keeps, "experiments": one.experiments, "outside": outside})
        return found

    def compare(self, *, to: Sequence[str], at: Sequence[str] = (), by: Sequence[str] = ()) -> Comparison:
        """By how much the believed best, with the changes of ``at``, is better than the same with those of ``to``.

        Of each target with a 90 % interval of the difference and the chance that it is better, and by as much as ``by``
        asks; all in the target's unit.

        Args:
            to, at: Such as ``"ligand=PPh3"``.
            by: Such as ``"yield=5"``.

        Raises:
            CompareError: General conditions are looked for, or ``to`` or ``by`` says nothing that can be compared.
            PlanError: Nothing is believed yet, or both are one candidate.
            SpaceError: A candidate cannot be read, or is none.
        """
        return engine.compare(self.settings, self.name, to=to, at=at, by=by)

    def results(self) -> list[dict[str, Any]]:
        """Every result on record, a row for each, by column as ``hakken export`` writes them."""
        from db import exchange

        with open_record(self.settings) as ledger:
            return [dict(row) for row in exchange.table(ledger, self.name)]

    def explain(self) -> tuple[Reliance, ...]:
        """What the belief of each target rests on: how much of it follows each parameter, and what its values add.

        Raises:
            PlanError: Nothing is believed yet.
        """
        return engine.rests_on(self.settings, self.name)


def _no_campaign(given: object) -> str:
    """What was given in the place of a campaign, with what to do; "" where it may be one."""
    if not isinstance(given, str | Path):
        return f"{type(given).__name__}; write what it says to a file"
    if "\n" in str(given):
        return 'the text of one; write it to a file, such as Path("campaign.yaml").write_text(TEXT)'
    if isinstance(given, str) and Path(given).suffix not in ("", ".yaml", ".yml") and Path(given).is_file():
        return f"the file {given}; hakken import {given} makes a campaign file of another planner's or of a table"
    return ""


def _key(experiment: Experiment | str) -> str:
    key = experiment if isinstance(experiment, str) else getattr(experiment, "key", None)
    if not isinstance(key, str):
        raise AskError(
            f"an experiment is one of ask(...).experiments, or its key, got {type(experiment).__name__}; a table of "
            "results, with a column key for those of experiments, is told by tell_own"
        )
    return key


def _rows(rows: Any) -> Sequence[Any]:
    """The rows of a table, each a mapping; raises ``AskError`` where it is none."""
    is_frame = hasattr(rows, "to_dict") and getattr(rows, "ndim", 2) == 2  # and no series
    found = rows.to_dict("records") if is_frame else rows
    if isinstance(found, str) or not isinstance(found, Sequence) or not all(hasattr(row, "items") for row in found):
        raise AskError(
            f"results are a list of mappings, one for each row, or a data frame, got {type(rows).__name__}; write "
            "[row] for a single one, and pandas.read_csv(FILE) for a file"
        )
    return found


def _values(values: Mapping[str, Value]) -> Iterable[dict[str, Any]]:
    """Each value as a result says it, without what was not measured."""
    for target, given in values.items():
        value = _plain(given)
        said = value if isinstance(value, Mapping) else {"value": value}
        said = {name: each for name, each in said.items() if each is not None}
        if "value" not in said:
            continue
        if isinstance(said["value"], str) and (limit := _LIMIT.fullmatch(said["value"])):
            said |= {"value": float(limit[2]), "qualifier": limit[1]}
        yield {"property": target, **said}


def _plain(value: Any) -> Any:
    """A value as JSON has it: of numpy and pandas as Python's own, days as text, and NaN as None."""
    if isinstance(value, Mapping) or hasattr(value, "items"):  # a series of pandas is no mapping
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):  # an array or a scalar of numpy
        if str(getattr(value, "dtype", "")) == "datetime64[ns]":  # which Python would have as integers
            value = value.astype("datetime64[us]")
        return _plain(value.item() if getattr(value, "size", 0) == 1 else value.tolist())
    return value


def _written(said: Mapping[str, Any]) -> str:
    """The result as JSON; raises ``AskError`` where something in it is none."""
    try:
        return json.dumps(said, sort_keys=True, allow_nan=False)
    except ValueError:
        raise AskError(
            "a result has no place for a value that is infinite; tell a limit such as '>100', a negative or a fault"
        ) from None
    except TypeError as error:
        raise AskError(
            f"a result must be made of texts, numbers, lists and objects ({error}); convert it first"
        ) from None
