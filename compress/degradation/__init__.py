"""How a camera shrank what it saw: its blur kernel and noise, found from the pictures it gave."""
