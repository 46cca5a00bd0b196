"""Where replies come from: one file a backend."""
