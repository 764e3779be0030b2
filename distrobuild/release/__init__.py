"""Checksums, package manifest, build report."""
