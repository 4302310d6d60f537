"""Overruns: asked for or begun by a budget, placed on the ladder, decided in one click or reviewed together."""
