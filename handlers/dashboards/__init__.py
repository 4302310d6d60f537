"""Dashboards: one for every role, each a message made of live numbers whose parts add up to the bill."""
