"""distrobuild: one manifest in; a kernel, packages, bootable images and the proof that they boot out."""

__version__ = "0.1.0"
