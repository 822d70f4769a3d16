"""Measures systems on a benchmark: what each token spent on a query buys in quality."""
