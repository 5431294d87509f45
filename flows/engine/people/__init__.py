"""What people say: results, decisions and doubts, as typed and as they bear on a round."""
