"""Grading and benchmark evaluation."""
