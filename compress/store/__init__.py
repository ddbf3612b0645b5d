"""Where artefacts live, by content."""
