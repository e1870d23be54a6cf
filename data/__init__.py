"""Prompt files and benchmarks: preparing, auditing, and the embedded arithmetic set."""
