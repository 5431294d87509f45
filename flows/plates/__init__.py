"""Plates as people see them: in a terminal, on a printable page, and as a table to fill in."""

from flows.plates.content import PlateView, view_plate

__all__ = ["PlateView", "view_plate"]
