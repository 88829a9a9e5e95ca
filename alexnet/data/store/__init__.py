"""A store: the pictures of a data set at one size, fast to read; its files, and how they are made."""
