"""Floor 3: one module a conversation: what happens when someone asks, presses or a job fires."""
