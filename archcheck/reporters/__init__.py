"""Reporters: each turns the same reports into one format and returns the text.

The text report for people stands apart, in `archcheck.reporters.text`: it writes to a rich Console, whose
width and colours it needs to know, and rich is not worth importing for the other formats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from archcheck.findings import Report
from archcheck.reporters.github import render_github
from archcheck.reporters.gitlab import render_gitlab
from archcheck.reporters.json import render_json
from archcheck.reporters.junit import render_junit
from archcheck.reporters.markdown import render_markdown
from archcheck.reporters.sarif import render_sarif

FORMATS: Mapping[str, Callable[[Sequence[Report]], str]] = MappingProxyType(
    {
        "github": render_github,
        "gitlab": render_gitlab,
        "json": render_json,
        "junit": render_junit,
        "markdown": render_markdown,
        "sarif": render_sarif,
    }
)
