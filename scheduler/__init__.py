"""Floor 4: when things happen: slots, deadlines, jobs."""
