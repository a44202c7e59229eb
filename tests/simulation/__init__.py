"""A seeded simulator of the serving graph: the real steps, with a clock, a store and a network of its own."""
