"""Calculations as records of a QCFractal server, which keeps them, queues them and never takes a key twice."""
