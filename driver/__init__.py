"""The CNN compiler."""
