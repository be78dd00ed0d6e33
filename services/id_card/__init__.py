"""The ID-card detector: one core, and an adapter for each way to serve it."""
