"""Bundles on their way to who flashes them: a repository after The Update Framework, and its reader (ADR 0024)."""
