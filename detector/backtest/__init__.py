"""Two contestants over the same past: what each would have told, and whether the second may take the first's place."""
