"""Ray Data stages: one class each, shards in, numbers out."""
