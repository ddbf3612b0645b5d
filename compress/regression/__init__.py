"""Is a candidate worse than what was accepted before it? Paired differences, each with an interval."""
