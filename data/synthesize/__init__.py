"""Examples for the user's own tools, written by a teacher model (docs/synthesize.md)."""
