"""Records for imported tools, which come without hand-written requests."""
