"""One self-contained HTML page of a bundle, or of two side by side: opens from disk, asks no network for anything."""
