"""A selection's figures and its page."""
