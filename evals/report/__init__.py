"""An evaluation for people: a Markdown table, one HTML page, and the model card."""
