"""ISP-CNN and what it teaches, trained without pairs, beside what its paper printed."""
