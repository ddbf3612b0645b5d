"""Uneven light: a photograph lit from one side, as builds answer it where it is dark and where it is bright."""
