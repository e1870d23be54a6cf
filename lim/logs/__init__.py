"""Reward logs: finding and reading them, and the writer of this project's own format."""
