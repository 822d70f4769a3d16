"""The miniature: a small generated world with the truth known, and small models trained on it."""
