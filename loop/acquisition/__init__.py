"""Acquisition functions: which points to try next. ``registry`` names them all."""
