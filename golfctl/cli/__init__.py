"""Layer 7: the command line. The only place with click, printing and exit codes; heavy imports inside commands."""
