"""What is measured, and what must hold: run by `make`, never imported by the package."""
