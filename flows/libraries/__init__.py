"""Library files: read in a stream, standardised, filtered and stored with fingerprints for all campaigns."""
