"""Where alerts go: one file for each kind of receiver."""
