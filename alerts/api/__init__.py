"""The queue of incidents as a JSON API, for tools and scripts of those who work in it."""
