"""What the lessons claim, and whether a measurement bears it out.

Every claim of the course is declared once, in ``data/claims.toml``; a lesson measures
it and records the number under the claim's name; this module judges. The suite reads
the recorded numbers and judges them again, so a lesson cannot pass itself.

The format of ``claims.toml``, one table a claim, one section a lesson::

    [03.residual-leads-early]
    sentence = "After the first steps at rate 0.1 the residual network is ahead."
    source = "Table 1, rate 0.1, epoch 10"   # or "review: ..." or "protocol: ..."
    paper = "9.48 dB (36.90 against 27.42)"  # what the source prints; may be left out
    kind = "relation"                        # "value" or "relation"
    relation = ">"                           # > >= < <= equal between
    threshold = 3.0                          # between: [low, high]; equal: also true
    unit = "dB"
    profiles = ["quick", "classroom", "paper"]   # where it is judged
    recorded = 9.1                           # the full-scale run, when there is one
    recorded_in = "table1.json"              # its file below data/recorded/

    [03.residual-rate-0p1-epoch-80]
    kind = "value"
    expected = 37.05                         # a value: expected, give or take tolerance
    tolerance = { paper = 0.15, classroom = 0.4 }   # any number may differ by profile
    profiles = ["paper", "classroom"]
    ...
"""

from vdsr_lib.claims.book import ClaimBook, read_records
from vdsr_lib.claims.declared import PROFILES, Claim, load_claims
from vdsr_lib.claims.judging import Judgement, judge
from vdsr_lib.claims.review import hold_against_review, review_points

__all__ = [
    "PROFILES",
    "Claim",
    "ClaimBook",
    "Judgement",
    "hold_against_review",
    "judge",
    "load_claims",
    "read_records",
    "review_points",
]
