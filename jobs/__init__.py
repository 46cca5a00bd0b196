"""Runs on Hugging Face Jobs."""
