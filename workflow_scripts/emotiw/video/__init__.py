"""The video system: features of faces, PCA, image sets, kernels and classifiers."""
