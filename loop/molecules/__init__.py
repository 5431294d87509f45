"""Molecules: reading structures, fingerprints and descriptors (RDKit behind this package)."""
