"""The PostgreSQL connection: a health check that costs nothing, and reads that share a round trip (`together`)."""
