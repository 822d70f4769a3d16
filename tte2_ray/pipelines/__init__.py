"""The flows: each reads as one list."""
