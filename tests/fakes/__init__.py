"""Platforms that are not there: servers that behave, and refuse, as the real ones do."""
