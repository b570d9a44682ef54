"""Tests run alike on a desk and in a CI, whose variables change what archcheck writes."""

from __future__ import annotations

import os

for name in ("CI", "CI_PROJECT_DIR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
    os.environ.pop(name, None)
