"""Checks of `distrobuild.manifest.semantics`, by subject."""
