"""Replay: what a changed policy would have done on stored history."""
