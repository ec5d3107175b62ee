"""A tour of the library on real work: every step checks its own answer."""
