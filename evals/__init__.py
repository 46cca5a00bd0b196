"""Generation, scoring and reports."""
