"""One file a part: `run(options, report)` leaves checks and figures in the report."""
