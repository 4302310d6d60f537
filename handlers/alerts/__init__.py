"""Alerts: an anomaly becomes one message with buttons, and its thread gets the news."""
