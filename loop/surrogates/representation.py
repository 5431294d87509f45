"""Representations: how a model sees the options of a parameter."""

from __future__ import annotations

from enum import StrEnum


class Representation(StrEnum):
    """How options with a structure are seen. Options without one are one-hot, unless descriptors are given."""

    ONE_HOT = "one-hot"
    DESCRIPTORS = "descriptors"  # RDKit's
    MORDRED = "mordred"
    COUNTS = "counts"
    SEVERAL = "several"  # the mean of several count fingerprints
    GIVEN = "given"  # by descriptors of one's own; what has none by Mordred's, or counts where that are many
