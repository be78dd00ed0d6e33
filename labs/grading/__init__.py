"""Grade a folder of submissions: one process per submission; only the parent writes results."""
