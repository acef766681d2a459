"""The slow, obvious twins: what the kernels compute, as one would write it on a blackboard. A module per subject."""
