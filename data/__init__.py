"""Records, wire readers, templates, catalogue and dataset builder."""
