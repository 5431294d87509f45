"""What a campaign file may say of a library, or of products: how structures are standardised, and what is left out."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Protocol

from pydantic import BeforeValidator, Field, model_validator

from loop.spec.strict import Strict, Text


class RangeSpec(Strict):
    """A range of a number, its ends included (``at_least``, ``at_most``) or not (``above``, ``below``)."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest number in it."""
        low = [-math.inf] if self.at_least is None else [self.at_least]
        high = [math.inf] if self.at_most is None else [self.at_most]
        low += [] if self.above is None else [math.nextafter(self.above, math.inf)]
        high += [] if self.below is None else [math.nextafter(self.below, -math.inf)]
        return max(low), min(high)

    @model_validator(mode="after")
    def _not_empty(self) -> RangeSpec:
        low, high = self.ends
        if (low, high) == (-math.inf, math.inf):
            raise ValueError("a range without an end holds every number; give at_least, at_most, above or below")
        if not low <= high:
            given = {key: getattr(self, key) for key in ("at_least", "above", "at_most", "below")}
            said = ", ".join(f"{key} {value:g}" for key, value in given.items() if value is not None)
            raise ValueError(f"a range must hold some number, and none is in this one ({said}); swap its ends")
        return self


class StandardiseSpec(Strict):
    """Which structures count as one: as it stands, each is taken as it is given."""

    salts: Literal["keep", "strip"] = "keep"
    charges: Literal["keep", "neutralise"] = "keep"
    tautomers: Literal["keep", "canonical"] = "keep"


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Several = Annotated[list[Text], BeforeValidator(_one_or_more), Field(min_length=1)]


class FiltersSpec(Strict):
    """What a molecule of the library, or a product, must keep to; the others are left out and counted."""

    properties: dict[Text, RangeSpec] | None = None
    alerts: Several | None = None
    sa_score: RangeSpec | None = None
    require: Several | None = None
    forbid: Several | None = None

    @model_validator(mode="after")
    def _some(self) -> FiltersSpec:
        if all(getattr(self, key) is None for key in type(self).model_fields):
            raise ValueError(f"gives no filter; give some of {', '.join(type(self).model_fields)}, or leave it out")
        return self


class StoredSpec(Strict):
    """What became of the files of a library; written by hakken when it reads them, never by a person."""

    key: Text  # of the stored library: names the file's content, how it was standardised and filtered, and by what
    source: Text  # names of the files
    molecules: int
    read: int  # records of the files
    unreadable: int
    duplicates: int
    removed: dict[str, int] = Field(default_factory=dict)  # by each filter


class MadeSpec(Strict):
    """What became of products that were made when the file was read; written by hakken, never by a person."""

    looked: int  # products that were made
    is_all: bool  # they are all there are; else a random sample
    kept: int  # of them, those that pass every filter
    removed: dict[str, int] = Field(default_factory=dict)  # by each filter
    duplicates: int | None = None  # of those kept, such as another combination gives; known where all were made


class Libraries(Protocol):
    """Reads library files, in which no line is fatal, and stores what they hold."""

    def read(self, spec: LibraryFile) -> tuple[StoredSpec, dict[str, str] | None]:
        """What became of the files, and its molecules by name where they are few enough to stand in the spec.

        Raises:
            SpecError: A file cannot be read, or nothing of it is left.
        """
        ...


class LibraryFile(Protocol):
    """A parameter that names the files of a library."""

    @property
    def file(self) -> list[str] | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def smiles(self) -> str: ...
    @property
    def standardise(self) -> StandardiseSpec | None: ...
    @property
    def filters(self) -> FiltersSpec | None: ...
