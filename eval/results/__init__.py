"""From samples to figures: scores, statistics, tables and learning curves."""
