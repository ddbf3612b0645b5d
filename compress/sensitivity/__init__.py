"""Which layers suffer from int8, and which of them are worth leaving out of it."""
