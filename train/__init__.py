"""Training: recipes to OpenRLHF's PPO on Ray, with the reward log."""
