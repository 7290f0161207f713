"""The reading log: who read how many pages of what."""
