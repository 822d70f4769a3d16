"""What stands around the package: setup, lock, and the targets that show it at work."""
