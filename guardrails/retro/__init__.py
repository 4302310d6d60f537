"""The quarterly retrospective's rules: what a rule did, what it saved, what should become of it."""
