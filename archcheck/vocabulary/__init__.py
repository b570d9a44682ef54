"""What an operation or a group of them is, in the field's terms, by what it computes; and what labels claim.

Pure functions over a recorded run. `claims(label)` reads a label, `recognise(flow)` finds the regions of a
run that compute a term, and `is_a` says whether one term is a case of the other.
"""

from archcheck.vocabulary.labels import Claim, claims, numbers
from archcheck.vocabulary.probes import probes
from archcheck.vocabulary.recognition import recognise
from archcheck.vocabulary.regions import Recognition, Region
from archcheck.vocabulary.terms import TERMS, Family, Term, families, is_a

__all__ = [
    "TERMS",
    "Claim",
    "Family",
    "Recognition",
    "Region",
    "Term",
    "claims",
    "families",
    "is_a",
    "numbers",
    "probes",
    "recognise",
]
