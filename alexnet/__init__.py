"""The network of Krizhevsky, Sutskever and Hinton (2012), "ImageNet Classification with Deep Convolutional Neural
Networks", with its data, its training and its figures. "Section" in this package means a section of that paper.
"""
