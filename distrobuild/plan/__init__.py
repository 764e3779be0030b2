"""Manifest and lock to stages with keys."""
