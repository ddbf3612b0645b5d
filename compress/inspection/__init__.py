"""What a network that the user brings is made of, and what a device makes of it: nothing is trained or built."""
