"""What drives a model: which inputs it needs, and what made it call a row as it did."""
