"""Several sources of records become one dataset (docs/mix.md)."""
