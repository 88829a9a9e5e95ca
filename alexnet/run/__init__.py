"""A run: its folder and checkpoints, the training itself, what watches over it, and what is told of it."""
