"""The weekly council: its digest, what is asked of it, what it decides."""
