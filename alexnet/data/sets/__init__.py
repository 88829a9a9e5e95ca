"""A file per data set: how to tell it, and how to open it."""
