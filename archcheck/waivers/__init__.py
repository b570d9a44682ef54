"""Accepted findings: what somebody accepted, with a reason, by a comment, a baseline or an option.

An accepted finding stays in the report, counted and drawn as accepted; it is never called proved. A report
whose findings are all accepted conforms.
"""

from archcheck.waivers.apply import BY_COMMENTS, Waivers, no_rule, waive
from archcheck.waivers.baseline import Baseline, write

__all__ = ["BY_COMMENTS", "Baseline", "Waivers", "no_rule", "waive", "write"]
