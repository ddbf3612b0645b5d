"""From one bundle to the next: what differs, whether firmware breaks by it, which version that makes it."""
