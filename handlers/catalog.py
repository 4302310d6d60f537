"""Imports every module that registers handlers. A new conversation is added here, once."""

from handlers import commands, spend
from handlers.alerts import presses

__all__ = ["commands", "presses", "spend"]
