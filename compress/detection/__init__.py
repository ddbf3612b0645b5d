"""Boxes: what a detector's answer means, the truth it is held against, and how both are drawn."""
