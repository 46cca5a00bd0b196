"""What data.validate checks, one module per family of rules."""
