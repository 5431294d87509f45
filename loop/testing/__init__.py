"""Conformance suites: the laws of what can be exchanged, as tests anybody can run on theirs."""
