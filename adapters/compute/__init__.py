"""Evaluators: a structure in, properties with units out; pure, and run in child processes by an executor."""
