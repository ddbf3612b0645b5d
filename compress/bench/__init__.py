"""How fast builds are, asked for by hand: ``compress bench``."""
