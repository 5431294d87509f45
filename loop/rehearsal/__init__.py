"""Rehearsal: campaigns played before their experiments are made, in a table of results or in what is believed."""
