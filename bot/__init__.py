"""Floor 5: surfaces (Slack, console), delivery, wiring, command line."""
