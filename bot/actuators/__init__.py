"""Actuators: what sets a sandbox's resources up, throttles, stops and removes them."""
