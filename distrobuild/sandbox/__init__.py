"""Starts a program hermetically."""
