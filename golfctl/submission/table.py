"""The lints of a record folder in the order of the report. One function and one row add one lint."""

from golfctl.core.table import Table

LINTS = Table(
    "submission lint",
    {
        "T17-files": "golfctl.submission.packaging:FILES",
        "T17-json": "golfctl.submission.packaging:JSON",
        "T6-claimed": "golfctl.submission.sizes:CLAIMED",
        "T6-logged": "golfctl.submission.sizes:LOGGED",
        "T6-code": "golfctl.submission.sizes:CODE",
        "T16-claim": "golfctl.submission.headline:CLAIM",
        "T16-seeds": "golfctl.submission.headline:SEEDS",
        "T15-training": "golfctl.submission.clocks_and_bytes:TRAINING",
        "T15-evaluation": "golfctl.submission.clocks_and_bytes:EVALUATION",
        "T5-ratio": "golfctl.submission.clocks_and_bytes:RATIO",
        "T5-tokens": "golfctl.submission.clocks_and_bytes:TOKENS",
        "T18-cap": "golfctl.submission.packaging:CAPS",
        "T18-hints": "golfctl.submission.hints:LINT",
        "T18-opaque": "golfctl.submission.packaging:OPAQUE",
    },
)
