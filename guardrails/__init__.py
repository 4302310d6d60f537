"""Floor 1: the rules. Values in, decisions out; no I/O, no clock, no database, no chat."""
