"""Procedures: what is done at the bench by the recipe as it is now, and what an experiment was handed out with, where
the campaign file changed the recipe since.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any

from flows.engine.changes.versions import openings
from flows.engine.looking.view import View
from flows.handed import Handout
from loop.errors import SpecError
from loop.experiment import State
from loop.recipe import Recipe, impossible
from loop.recipe.told import in_full
from loop.record import AttemptRecord, Settings
from loop.space import Space
from loop.spec import CampaignSpec, build_recipe, build_space


class Procedures:
    """The procedures of a campaign's experiments. Earlier versions of its spec are read only where one was changed."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[int, tuple[Space, Recipe] | None] = {}

    def now(self, settings: Settings) -> Mapping[str, Any] | None:
        """What is done for settings as they are named now; None where there is no recipe, or it cannot make them."""
        return None if self._recipe is None or impossible(self._recipe, settings) else in_full(self._recipe, settings)

    def then(self, attempt: AttemptRecord, out: Handout | None) -> Mapping[str, Any] | None:
        """What ``attempt`` was handed out with, where it is still out and is made otherwise by now; else None."""
        if out is None or attempt.state is not State.RUNNING or not self._was_another:
            return None
        version = max((n for n, at in self._opened if at <= out.at), default=1)
        if version == self._view.campaign.version or (found := self._in_version(version)) is None:
            return None
        space, recipe = found
        named, by_now = (s.as_named(attempt.settings, attempt.smiles) for s in (space, self._view.space))
        if impossible(recipe, named):
            return None
        before, now = in_full(recipe, named), self.now(by_now)
        text = str(before["text"])
        for name, value in named.items():  # another name of a substance alone makes no other procedure
            text = text.replace(str(value), str(by_now[name])) if by_now.get(name, value) != value else text
        return None if now is not None and now["text"] == text else before

    @cached_property
    def _recipe(self) -> Recipe | None:
        return build_recipe(self._view.spec)

    @cached_property
    def _was_another(self) -> bool:
        """Whether an earlier version had another recipe."""
        ledger, campaign = self._view.ledger, self._view.campaign
        earlier = (ledger.spec_version(campaign.name, n) for n in range(1, campaign.version))
        return any(spec.get("recipe") != campaign.spec.get("recipe") for spec in earlier)

    @cached_property
    def _opened(self) -> tuple[tuple[int, datetime], ...]:
        """Each version, and when it was put on record."""
        return tuple((number, entry.at) for number, entry in openings(self._view.ledger, self._view.name))

    def _in_version(self, version: int) -> tuple[Space, Recipe] | None:
        """Space and recipe of a version; None where it has no recipe, or another release wrote it."""
        if version not in self._known:
            self._known[version] = None
            with suppress(SpecError):
                spec = CampaignSpec.from_record(self._view.ledger.spec_version(self._view.name, version))
                recipe = build_recipe(spec)
                self._known[version] = None if recipe is None else (build_space(spec), recipe)
        return self._known[version]
