"""Plates: batches that share a tray of wells, with values that whole blocks, rows or columns have in common."""

from loop.plate.layout import Plate, Scope, Shared

__all__ = ["Plate", "Scope", "Shared"]
