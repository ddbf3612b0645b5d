"""Enhance in the camera or on a server: what a line between them makes of frames per second and latency."""
