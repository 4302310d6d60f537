"""Slack: everything that knows its API, its limits and its traps."""
