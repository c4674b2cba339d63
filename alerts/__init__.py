"""Who is told, once: findings become alerts, are stored, written and shown."""
