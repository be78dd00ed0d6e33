"""Lab 06, the Dockerfile: a reader of its text, the rules that it follows, and a real build."""
