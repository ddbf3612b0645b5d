"""Many points on many machines: the stages of all plans as tasks of a Ray cluster, over one shared store."""
