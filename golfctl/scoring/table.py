"""The experts that can stand beside the model in a mixture. One file and one row add one expert.

The name is the key of the expert's table in `[eval]`; a row is called as
`Expert(vocab_size, its configuration, device, rows)` and gives a scorer.
"""

from golfctl.core.table import Table

EXPERTS = Table(
    "expert",
    {
        "ngram": "golfctl.scoring.counts.ngram:NgramScorer",
        "ctw": "golfctl.scoring.counts.ctw:CtwScorer",
    },
)
