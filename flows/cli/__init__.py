"""The command line: a module for each group of commands. Nothing heavy is imported before a command needs it."""

from flows.cli.app import app, main

__all__ = ["app", "main"]
