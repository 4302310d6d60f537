"""Sandboxes: asked for, allocated in the same click or decided on the ladder, set up, watched, ended."""
