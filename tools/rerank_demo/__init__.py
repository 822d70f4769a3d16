"""`make rerank-demo`: a log of queries under two budgets, over the index of `make demo`."""
