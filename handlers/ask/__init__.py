"""``/spend`` answers: why, top, compare, forecast; how what is typed is read."""
