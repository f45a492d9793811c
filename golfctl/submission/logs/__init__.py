"""Training logs in any of the field's dialects: how lines are had, what stands in them, and which stage it tells of.

Bytes become lines (`lines`), a line becomes fields (`grammar`), fields
become scores (`scores`) with a stage (`stages`) and seconds (`clocks`), a log becomes facts (`facts`).
"""

from golfctl.submission.logs.facts import LogFacts, last_stage, parse_log, read_facts
from golfctl.submission.logs.lines import LogLines
from golfctl.submission.logs.scores import LoggedScore
from golfctl.submission.logs.stages import Stage

__all__ = ["LogFacts", "LogLines", "LoggedScore", "Stage", "last_stage", "parse_log", "read_facts"]
