"""What a run needs against what its machines have; scripts/doctor.sh, scripts/setup.sh gpu, before a GPU run."""
