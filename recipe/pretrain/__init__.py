"""Pretraining of the embedded base model on text that this project generates."""
