"""Examination: how far a campaign's models can be trusted, by evidence that does not leak."""

from loop.examination.examining import Examination, examine, examine_briefly
from loop.examination.parts import Parts, Split, parts_of

__all__ = ["Examination", "Parts", "Split", "examine", "examine_briefly", "parts_of"]
