"""What the committed miniatures can do: `make mini-eval` (docs/mini.md)."""
