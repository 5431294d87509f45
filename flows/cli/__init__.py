"""The command line. Each module holds one group of commands; nothing heavy is imported before a command needs it."""

from flows.cli.app import app, main

__all__ = ["app", "main"]
