"""Learning Impact Measurement (LIM): choose reinforcement-learning prompts by their reward trajectories.

Arrays in, arrays out; nothing here imports torch, ray or vllm. Paper: arXiv 2502.11886.
"""
