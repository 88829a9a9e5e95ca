"""A trained network asked: the labels of pictures, one sweep over a split, the training pictures most alike."""
