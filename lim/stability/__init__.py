"""How stable is a selection? `python -m lim.stability`; the sweeps are in `sweeps`."""
