"""Surrogates: recipes that learn a target from observations. ``registry`` names them all."""
