"""Deletes data of old runs that nothing needs any more."""
