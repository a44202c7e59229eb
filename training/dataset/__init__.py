"""The training set: rows as they were known at each label, split by time, and checked for leaks."""
