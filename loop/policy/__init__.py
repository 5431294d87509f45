"""Policies around the model: initial designs, the control arm, run order, stopping."""
