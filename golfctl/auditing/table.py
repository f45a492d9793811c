"""The checks in the order of the report. One file and one row add one check."""

from golfctl.core.table import Table

CHECKS = Table(
    "audit check",
    {
        "T0": "golfctl.auditing.checks.repeatability:CHECK",
        "T12-i": "golfctl.auditing.checks.known_source:CHECK",
        "T12-ii": "golfctl.auditing.checks.uniform_text:CHECK",
        "T12-iii": "golfctl.auditing.checks.shuffled_text:CHECK",
        "T12-iv": "golfctl.auditing.checks.fresh_slice:CHECK",
        "T12-v": "golfctl.auditing.checks.memorised_text:CHECK",
        "T1": "golfctl.auditing.checks.suffix:CHECK",
        "T1b": "golfctl.auditing.checks.boundaries:CHECK",
        "T2": "golfctl.auditing.checks.truncation:CHECK",
        "T3": "golfctl.auditing.checks.mass:KEPT",
        "T3r": "golfctl.auditing.checks.mass:REMOVED",
        "T3b": "golfctl.auditing.checks.byte_mass:CHECK",
        "T4": "golfctl.auditing.checks.swap:CHECK",
        "T5": "golfctl.auditing.checks.identity:CHECK",
        "T6": "golfctl.auditing.checks.size:CHECK",
        "T7": "golfctl.auditing.checks.gold:CHECK",
        "T8": "golfctl.auditing.checks.single_pass:CHECK",
        "T9": "golfctl.auditing.checks.untouched_state:CHECK",
        "T10": "golfctl.auditing.checks.invariance:CHECK",
        "T13": "golfctl.auditing.checks.one_way:CHECK",
        "T14": "golfctl.auditing.checks.sandbox:CHECK",
        "T15": "golfctl.auditing.checks.clocks:CHECK",
    },
)
