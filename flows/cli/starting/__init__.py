"""Starting a campaign: a commented campaign file from a template, a table that somebody has, or a library."""

from flows.cli.starting.guessing import guess_campaign
from flows.cli.starting.libraries import library_text
from flows.cli.starting.templates import TEMPLATES, template_text

__all__ = ["TEMPLATES", "guess_campaign", "library_text", "template_text"]
