"""What is to be done at the bench as files beside a command: JSON for a program, plain text for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.common.instant import dump
from loop.contracts import AttemptKey, ExperimentSpec
from loop.recipe import Procedure, Recipe, say, sentences
from loop.recipe.told import told

JSON: Final = ".json"
TEXT: Final = ".txt"
SUFFIXES: Final = (JSON, TEXT)  # of a procedure's files, which are else named as its command


def files_of(
    recipe: Recipe, procedure: Procedure, spec: ExperimentSpec, key: AttemptKey, number: int
) -> Mapping[str, str]:
    """The texts of the files, by suffix."""
    whole = {"campaign": spec.campaign, "key": str(key), "number": number, "place": dict(spec.place)}
    whole |= {"text": say(recipe, procedure), "steps": told(procedure)}
    place = [f"{name} {spec.place[name]}" for name in ("plate", "well") if name in spec.place]
    steps = [f"{n}. {sentence}" for n, sentence in enumerate(sentences(recipe, procedure), start=1)]
    lines = [", ".join([spec.campaign, *place]), str(key), "", *steps, ""]
    # The mark at the beginning tells older Windows programs that it is UTF-8: "µL" would else be read as "ÂµL".
    return {JSON: dump(whole), TEXT: "\ufeff" + "\r\n".join(lines)}
