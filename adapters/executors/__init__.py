"""Executors: where an evaluator runs, behind the contract of adapters."""
