"""What commands show, in words: records, rounds, plates and progress, as lines for a terminal."""
