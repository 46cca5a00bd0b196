"""Tools from where people have them, as a catalogue file that the other commands take."""
