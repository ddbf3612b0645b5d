"""Networks that the user brings: looked through, taken in, opened, and made to keep our convention."""
