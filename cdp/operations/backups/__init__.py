"""Backups of both databases, and the way back."""
