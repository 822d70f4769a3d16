"""The Milvus sink: collections, an idempotent writer, a searcher, and versions behind an alias."""
