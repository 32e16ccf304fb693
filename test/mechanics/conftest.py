"""Lets the tests of the mechanics share their point bodies as a plain module."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
