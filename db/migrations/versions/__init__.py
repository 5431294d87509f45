"""One module per revision, numbered in order; once released, none is changed."""
