"""Sources: from files and streams to records."""
