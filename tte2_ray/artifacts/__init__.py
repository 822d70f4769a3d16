"""What crosses a job lies here: the store, its tables, keys, the frozen plan and the manifests."""
