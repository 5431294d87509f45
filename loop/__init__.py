"""The domain and the mathematics of hakken: no I/O, no clock, no environment."""
