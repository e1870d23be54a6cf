"""Recorders: what a training by TRL or verl needs to log every sample's reward with its prompt's id."""
