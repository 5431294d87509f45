"""Plates made on a deck: planned, closed, driven on any machine, and handed on to be measured."""
