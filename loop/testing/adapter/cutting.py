"""A start that is cut off half-way: whoever looks afterwards has nothing run twice (laws 1 and 4)."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Found, Handle, Unknown
from loop.testing.adapter.material import CountRuns, Finish, Make, start

_MOST: Final = 60  # places at which a start is cut off, from its end backwards
_INERT: Final = 3  # of those after which it is found lying inert: before these, nothing had been sent yet
_Place = tuple[str, CodeType, int]  # "line", about to be carried out, or "return", of a function that has done its work


class Killed(BaseException):
    """The process was killed."""


class CuttingLaws:
    """A part of ``AdapterContract``."""

    def test_a_start_that_was_cut_off_anywhere_runs_once(
        self, make_adapter: Make, experiment: ExperimentSpec, count_runs: CountRuns, finish: Finish
    ) -> None:
        """Killed before each line of the adapter, and its own functions failing once they have done their work, as when
        the reply of a device is lost."""
        places: list[_Place] = []
        adapter, key = make_adapter(), AttemptKey("not-cut-off")
        handle = adapter.prepare(experiment, key)
        _begin(adapter, handle, key, places.append)
        finish(adapter, handle)

        n_inert = 0
        for number, place in enumerate(list(dict.fromkeys(places))[: -_MOST - 1 : -1]):
            adapter, key = make_adapter(), AttemptKey(f"cut-off-{number}")
            handle = adapter.prepare(experiment, key)
            _begin(adapter, handle, key, partial(_cut_off, place))
            other, where = make_adapter(), _said(place)
            found = other.find(key)

            assert isinstance(found, Found | Unknown), f"cut off {where}, it is said never to have been prepared"
            if isinstance(found, Found) and not found.started:
                start(other, handle, key)
                finish(other, handle)
                runs, n_inert = count_runs(key), n_inert + 1
                assert runs == 1, f"cut off {where}, it was found lying inert, was started, and ran {runs} times"
            assert count_runs(key) <= 1, f"cut off {where}, it ran twice"
            if n_inert == _INERT:
                break


def _begin(adapter: Adapter, handle: Handle, key: AttemptKey, at: Callable[[_Place], None]) -> None:
    """Start it, and call ``at`` wherever the adapter's own code comes, which may raise: what was begun is left so."""
    kinds = (kind for kind in type(adapter).__mro__ if kind.__module__ not in ("abc", "builtins"))
    files, before = {inspect.getsourcefile(kind) for kind in kinds}, sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in files:
            return None
        is_inner = frame.f_back is not None and frame.f_back.f_code.co_filename in files
        if event == "line" or (event == "return" and is_inner):
            at((event, frame.f_code, frame.f_lineno))
        return trace

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of a process that was begun, and whoever began it is gone
        with suppress(Exception, Killed):
            sys.settrace(trace)
            try:
                start(adapter, handle, key)
            finally:
                sys.settrace(before)


def _cut_off(place: _Place, now: _Place) -> None:
    if now == place:
        raise Killed if place[0] == "line" else ConnectionError("the reply was lost")


def _said(place: _Place) -> str:
    event, code, line = place
    return f"{'before' if event == 'line' else 'after'} {Path(code.co_filename).name}:{line}, in {code.co_name}"
