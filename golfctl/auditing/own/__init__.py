"""golfctl's own evaluation of an artifact as a subject of the audit: in this process, in others, and fed by a pipe."""
