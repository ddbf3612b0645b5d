"""Looks: small crops of test pictures, so that a report can show them where the data is not."""
