"""Starting a campaign: a commented campaign file from a template, or from a table that somebody has."""

from flows.cli.starting.guessing import guess_campaign
from flows.cli.starting.templates import TEMPLATES, template_text

__all__ = ["TEMPLATES", "guess_campaign", "template_text"]
