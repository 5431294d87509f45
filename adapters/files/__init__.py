"""Tables of results on disk, as people and devices fill them in: nothing typed is lost, and every row is read alike."""
