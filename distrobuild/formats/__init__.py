"""Pure readers and writers of file formats; no processes."""
