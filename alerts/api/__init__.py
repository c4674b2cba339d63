"""The queue of incidents over HTTP."""
