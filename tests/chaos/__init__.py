"""Runs that are killed, starved and disturbed at random moments, and what must hold after each."""
