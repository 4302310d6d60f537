"""Redlines: looked at with every bill, carried out with an announcement, kept running, verified, resumed."""
