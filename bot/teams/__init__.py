"""Microsoft Teams as a surface: cards, dialogs, commands and the Bot Framework behind one adapter."""
