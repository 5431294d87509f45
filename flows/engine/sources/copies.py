"""Copies: results of a source that the campaign has itself, or another source has, and that are to be heard once.

A source that holds results of the campaign foretells them by heart, held out or not, and would be believed for that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TypeAlias

from flows.engine.people.rows import exported_id
from loop.contracts import Ledger
from loop.errors import NotFound, UnitError
from loop.outcome import Measured, Negative, as_told
from loop.record import CampaignRecord, ObservationRecord
from loop.spec import CampaignSpec
from loop.spec.space_models import NumberSpec
from loop.units import convert
from loop.wording import plural

Words: TypeAlias = tuple[object, ...]  # what a result says
Results: TypeAlias = tuple[CampaignSpec, Sequence[ObservationRecord]]


class Copies:
    """What is known before sources are read, one after the other, of one campaign."""

    def __init__(self, ledger: Ledger, spec: CampaignSpec) -> None:
        self._spec = spec
        self._heard: list[tuple[str, Results]] = []  # tables of others that were read, by name
        self._own: Sequence[ObservationRecord] = ()
        self._brought: Collection[str] = ()  # ids, where they came from, of own results that were exported there
        with suppress(NotFound):
            self._own = ledger.observations(spec.campaign)
            if any(o.key is None for o in self._own):
                counting = {o.id for o in self._own}
                self._brought = {exported_id(e) for e in ledger.envelopes(spec.campaign) if e.id in counting}

    def without(
        self, source: CampaignRecord, there: CampaignSpec, results: Sequence[ObservationRecord]
    ) -> tuple[list[ObservationRecord], tuple[str, ...]]:
        """The results of a source that are nobody's copy, and notes on those that are.

        Of another campaign these are what was exported there and told here; of a table of others what has the same
        settings and values, as far as it gives them: two calculations of two campaigns may agree to the last digit.
        """
        if there.source is None:
            kept, what = [o for o in results if o.id not in self._brought], "brought from there"
            return kept, self._noted(source.name, len(results) - len(kept), f"this campaign's own, {what}")
        kept, notes = list(results), tuple[str, ...]()
        for whose, (spec, theirs) in (("this campaign's own", (self._spec, self._own)), *self._heard):
            known = {said for o in theirs if (said := self._said(o, spec, there))}
            copies = {o.id for o in kept if known and self._said(o, there, there) in known}
            kept = [o for o in kept if o.id not in copies]
            notes += self._noted(source.name, len(copies), f"{whose}, with the same settings and values")
        self._heard.append((f"those of source {source.name!r}", (there, kept)))
        return kept, notes

    @staticmethod
    def _noted(source: str, n: int, whose: str) -> tuple[str, ...]:
        are = "is one of" if n == 1 else "are"
        return (f"source {source!r}: {plural(n, 'result')} of it {are} {whose}: not heard a second time",) if n else ()

    def _said(self, o: ObservationRecord, spec: CampaignSpec, there: CampaignSpec) -> Words:
        """What a result of ``spec`` says of what the source ``there`` and the campaign both have; () for no value."""
        if not isinstance(o.outcome, Measured | Negative):
            return ()
        targets = there.objective.keys() & self._spec.objective.keys()
        values = tuple(
            sorted(
                (m.property, m.qualifier.value, f"{as_told(m):.9g}")
                for m in o.outcome.measurements
                if m.property in targets
            )
        )
        names = [n for n in there.space if n in o.settings and n in self._spec.space]
        return (tuple((n, self._setting(o, n, spec)) for n in sorted(names)), values) if values and names else ()

    def _setting(self, o: ObservationRecord, name: str, spec: CampaignSpec) -> str:
        """A setting as it is compared: a structure, a word, or a number in the campaign's unit."""
        value, own, said = o.settings[name], self._spec.space[name], spec.space.get(name)
        if isinstance(value, str):
            return o.smiles.get(name) or value
        if isinstance(own, NumberSpec) and isinstance(said, NumberSpec):
            with suppress(UnitError):
                value = convert(float(value), said.unit, own.unit)
        return f"{float(value):.9g}"
