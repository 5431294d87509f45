"""Models and acquisition functions of one's own: ``MODULE:NAME`` in a campaign file is called, without arguments.

The module is one that Python finds: installed, on ``PYTHONPATH``, beside the campaign file or where ``hakken`` is
called; in a notebook ``__main__:NAME`` is what a cell defined. What the code raises is told with its file and line.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from loop.errors import FitError, HakkenError, PlanError, SpecError, did_you_mean

if TYPE_CHECKING:
    from loop.acquisition.protocol import Acquisition, Choice, Question
    from loop.space import Space
    from loop.surrogates.protocol import FittedSurrogate, Surrogate, TrainingSet

GUIDE: Final = "see docs/guide/models.md"
_NAMED: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OF_SURROGATE: Final = ("name", "needs", "fit")
_OF_FITTED: Final = ("name", "noise_sd", "noise_at", "moments", "samples", "model", "held_out", "summary")
_OF_ACQUISITION: Final = ("name", "choose")


def is_own(name: str) -> bool:
    """Whether a name is one of one's own code, and none of a registry."""
    return ":" in name


def misnamed(kind: str, name: str) -> str:
    """Why a name of one's own is none, "" where it is one; nothing is imported."""
    if _NAMED.fullmatch(name):
        return ""
    return f"{kind} {name!r}: one of your own is named MODULE:NAME, such as mine:Mine; {GUIDE}"


def own_surrogate(name: str) -> Surrogate:
    """The recipe that ``MODULE:NAME`` makes; where there is none, one that says so when it is fitted.

    So a record can be looked at where the code is not; ``check_own`` refuses it where a batch is planned.
    """
    try:
        return cast("Surrogate", _Recipe(name, _made("surrogate", name, _OF_SURROGATE)))
    except SpecError as error:
        return _Lacking(name, str(error))


def own_acquisition(name: str) -> Acquisition:
    """The acquisition function that ``MODULE:NAME`` makes. Raises ``SpecError`` where there is none."""
    return cast("Acquisition", _Choosing(name, _made("acquisition", name, _OF_ACQUISITION)))


def check_own(surrogates: str | Sequence[str], acquisition: str) -> None:
    """See that all code of one's own among these names is there. Raises ``SpecError``."""
    surrogates = [surrogates] if isinstance(surrogates, str) else surrogates
    for name in filter(is_own, surrogates):
        _made("surrogate", name, _OF_SURROGATE)
    if is_own(acquisition):
        own_acquisition(acquisition)


@dataclass(frozen=True)
class _Recipe:
    """A recipe of one's own; what it raises, or gives that is no model, is that it could not be fitted."""

    called: str
    recipe: Any

    @property
    def name(self) -> str:
        return str(self.recipe.name)

    @property
    def needs(self) -> int:
        return int(self.recipe.needs)

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedSurrogate:
        try:
            fitted = self.recipe.fit(space, data, seed=seed)
            wrong = _lacking(fitted, _OF_FITTED) or _wrong_with(fitted, data)
        except HakkenError:
            raise
        except Exception as error:
            raise FitError(self.called, _told(error)) from error
        if wrong:
            raise FitError(self.called, f"what its fit returns {wrong}; {GUIDE}")
        return cast("FittedSurrogate", fitted)


@dataclass(frozen=True)
class _Lacking:
    """A recipe whose code is not there."""

    name: str
    why: str
    needs: int = 1

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedSurrogate:
        raise FitError(self.name, self.why)


@dataclass(frozen=True)
class _Choosing:
    """An acquisition function of one's own; what it raises, or chooses that is no candidate, ends the planning."""

    called: str
    function: Any

    @property
    def name(self) -> str:
        return str(self.function.name)

    def choose(self, question: Question, q: int) -> Choice:
        from loop.acquisition.protocol import Choice

        try:
            choice = self.function.choose(question, q)
        except HakkenError:
            raise
        except Exception as error:
            raise PlanError(f"acquisition {self.called!r} failed: {_told(error)}; mend it") from error
        if not isinstance(choice, Choice):
            raise PlanError(f"acquisition {self.called!r} returned a {type(choice).__name__} and no Choice; {GUIDE}")
        d = len(question.space.parameters)
        for point in choice.points:
            x = np.asarray(point.x, dtype=np.float64)
            if x.shape != (d,) or not bool(question.space.holds(x[None, :])[0]):
                raise PlanError(f"acquisition {self.called!r} chose {x.tolist()}, which is no candidate; {GUIDE}")
        return choice


def _made(kind: str, name: str, needed: Sequence[str]) -> object:
    """What ``MODULE:NAME`` makes when it is called. Raises ``SpecError``."""
    if wrong := misnamed(kind, name):
        raise SpecError(wrong)
    module, _, attribute = name.partition(":")
    try:
        there = import_module(module)
    except ModuleNotFoundError as error:
        raise SpecError(
            f"{kind} {name!r}: no module {error.name!r} beside the campaign file, where hakken is called, on "
            "PYTHONPATH or installed; correct the name, or call hakken in its folder"
        ) from None
    except Exception as error:
        raise SpecError(f"{kind} {name!r} cannot be imported: {_told(error)}; mend it") from error
    if not callable(found := getattr(there, attribute, None)):
        known = [n for n, value in vars(there).items() if callable(value) and not n.startswith("_")]
        raise SpecError(
            f"{kind} {name!r}: module {module!r} has no {attribute!r} to be called{did_you_mean(attribute, known)}; "
            "correct the name"
        )
    try:
        made = found()
        lacks = _lacking(made, needed)
    except Exception as error:
        raise SpecError(f"{kind} {name!r}, called without arguments, failed: {_told(error)}; mend it") from error
    if lacks:
        raise SpecError(f"{kind} {name!r}: what it makes {lacks}; {GUIDE}")
    return cast(object, made)


def _lacking(made: object, needed: Sequence[str]) -> str:
    lacks = [name for name in needed if not hasattr(made, name)]
    return f"(a {type(made).__name__}) lacks {', '.join(lacks)}" if lacks else ""


def _wrong_with(fitted: FittedSurrogate, data: TrainingSet) -> str:
    """What is wrong with what a model says of its own training values, "" where nothing is; each method is called once,
    so that what raises does so here."""
    import torch

    n, few = len(data), data.x[:2]
    mean, sd = fitted.moments(data.x)
    said = {
        "mean": (mean, (n,)),
        "deviation": (sd, (n,)),
        "held-out density": (fitted.held_out(), (n,)),
        "noise": (fitted.noise_at(few), (len(few),)),
        "draw": (fitted.samples(few, 3, seed=0), (3, len(few))),
    }
    for what, (found, wanted) in said.items():
        if not isinstance(found, torch.Tensor) or found.shape != wanted:
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            return f"has a {what} of shape {shape}, and {wanted} is wanted ({n} training values)"
        if not bool(torch.isfinite(found).all()):
            return f"has a {what} that is not finite at a training value"
    float(fitted.noise_sd)
    fitted.model()
    json.dumps(dict(fitted.summary()))
    return "has a deviation below zero at a training value" if bool((sd < 0).any()) else ""


def _told(error: Exception) -> str:
    """An exception with the file and line of one's own that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((f for f in reversed(frames) if f.filename != __file__ and "importlib" not in f.filename), None)
    where = f" in {last.filename} line {last.lineno}" if last is not None else ""
    return f"{type(error).__name__}: {error}{where}"
