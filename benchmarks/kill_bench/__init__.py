"""What ``kill_anywhere.py`` is made of."""
