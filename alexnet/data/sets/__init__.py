"""A file a data set: how to tell it, and how to open it."""
