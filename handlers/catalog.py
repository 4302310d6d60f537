"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, home, later, spend
from handlers.alerts import presses

__all__ = ["commands", "home", "later", "presses", "spend"]
