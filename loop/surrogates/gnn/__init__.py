"""Graph networks as surrogates: ensembles that train as one batched computation, with a Bayesian last layer.

Each tensor of a network has the ensemble's members as its first axis, so that one pass trains all of them.
"""
