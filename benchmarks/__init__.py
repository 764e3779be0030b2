"""How fast and how big, as ratios against a named baseline of the same run."""
