"""Laboratories: everything that runs an experiment, behind the contract ``loop.contracts.Adapter``."""
