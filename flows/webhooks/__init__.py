"""Messages of laboratories: kept as they come, signatures checked, judged as any result; ``hakken listen``."""
