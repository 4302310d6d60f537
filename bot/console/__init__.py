"""The local console: a workspace in the browser, on this machine only."""
