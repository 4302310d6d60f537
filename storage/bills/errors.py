"""The one error that people see when a bill or metrics file cannot be used."""


class BillError(Exception):
    """A bill cannot be read or stored. Its text is one clear sentence; nothing was changed."""
