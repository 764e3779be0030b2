"""Runs a plan: workers, store, one event stream."""
