"""Layer 2: update rules, schedules and averages."""
