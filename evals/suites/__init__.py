"""Published benchmarks in their own files: `load(path)` and `summarize(scores)`, one file each."""
