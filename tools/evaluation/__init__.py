"""`make evaluate` and `make policy`: what tokens buy, on the miniature's worlds."""
