"""What is secret: keys, sealing, blind indexes, and the registry of who holds personal data."""
