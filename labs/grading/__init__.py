"""Grade a folder of submissions: a process for each, and results that only the parent writes."""
