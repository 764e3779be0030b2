"""For an interpreter that finds the environment's modules by PYTHONPATH, and so does not read reproducible.pth."""

import _reproducible  # type: ignore[import-not-found]  # noqa: F401
