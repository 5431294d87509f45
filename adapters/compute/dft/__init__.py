"""Kohn-Sham DFT of one molecule by PySCF: levels, SCF with remedies, response, thermochemistry, and the evaluator."""
