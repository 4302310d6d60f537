"""Sandboxes, the rules: what may be asked for, what a zone allows, how a sandbox lives and ends."""
