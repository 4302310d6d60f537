"""Redlines: whether a limit is crossed, and what is done about it next. Pure: no clock, no database."""
