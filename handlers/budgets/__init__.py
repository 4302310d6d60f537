"""Budgets: where each stands, who hears of it, when an overrun begins."""
