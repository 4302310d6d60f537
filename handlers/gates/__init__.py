"""Gates: evidence is read every day; promotions, and lower budgets, are proposed, signed and decided."""
