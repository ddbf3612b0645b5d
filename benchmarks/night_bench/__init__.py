"""Parts of the night benchmark."""
