"""Configuration, presets and training."""
