"""What is fed with spoilt input, and what it is spoilt from."""
