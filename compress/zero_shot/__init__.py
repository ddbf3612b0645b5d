"""One picture, enlarged by networks that learned from nothing but it."""
