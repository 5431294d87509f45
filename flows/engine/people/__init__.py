"""What people say: results, decisions, doubts, pauses and safety stops, as typed and as they bear on a round."""
