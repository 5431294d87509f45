"""Examination: how far a campaign's models can be trusted, by evidence that does not leak."""

from loop.examination.examining import Examination, examine
from loop.examination.parts import Parts, Split, parts_of

__all__ = ["Examination", "Parts", "Split", "examine", "parts_of"]
