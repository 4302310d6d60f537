"""How far something that takes a while has come."""

from collections.abc import Callable

#: Told what is being done, such as “Reading the bill aws”, and how much of that is done, 0 to 1.
Progress = Callable[[str, float], None]
