"""Widths, pruning and bits under a budget: candidates by Optuna, timed on the device before any is trained."""
