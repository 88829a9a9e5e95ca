"""A trained network asked: the labels of pictures, and the training pictures most alike."""
