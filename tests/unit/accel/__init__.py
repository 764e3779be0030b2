"""Tests of the package mlos-accel's Python module, which they find in its sources."""

import sys

from tests import mlos

SOURCE = mlos.ROOT / "packages" / "mlos-accel" / "source"

if str(SOURCE) not in sys.path:
    sys.path.insert(0, str(SOURCE))
