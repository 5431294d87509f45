"""Clients: programs and people who ask for experiments and tell what came of them; who has which is on record."""
