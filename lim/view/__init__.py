"""Look at a run: the samples behind a trajectory, suspected wrong labels, a training as it goes."""
