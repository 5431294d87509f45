"""Checks of a machine: each a function that looks at one thing and says what it found, with a remedy."""

from flows.cli.checks.check import Check
from flows.cli.checks.every import every_check
from flows.cli.checks.project import has_campaigns

__all__ = ["Check", "every_check", "has_campaigns"]
