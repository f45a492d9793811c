"""The lints of a record folder in the order of the report. One function and one row add one lint."""

from golfctl.core.table import Table

LINTS = Table(
    "submission lint",
    {
        "T17-files": "golfctl.auditing.submission.packaging:FILES",
        "T17-json": "golfctl.auditing.submission.packaging:JSON",
        "T6-claimed": "golfctl.auditing.submission.sizes:CLAIMED",
        "T6-logged": "golfctl.auditing.submission.sizes:LOGGED",
        "T6-code": "golfctl.auditing.submission.sizes:CODE",
        "T16-claim": "golfctl.auditing.submission.evidence:CLAIM",
        "T16-seeds": "golfctl.auditing.submission.evidence:SEEDS",
        "T15-training": "golfctl.auditing.submission.evidence:TRAINING",
        "T15-evaluation": "golfctl.auditing.submission.evidence:EVALUATION",
        "T5-ratio": "golfctl.auditing.submission.evidence:RATIO",
        "T5-tokens": "golfctl.auditing.submission.evidence:TOKENS",
        "T18-cap": "golfctl.auditing.submission.packaging:CAPS",
        "T18-hints": "golfctl.auditing.submission.hints:LINT",
        "T18-opaque": "golfctl.auditing.submission.packaging:OPAQUE",
    },
)
