"""Anybody's scorer behind a command as a subject of the audit: files in, posted scores out."""
