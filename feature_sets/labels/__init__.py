"""What a label row is worth: excluded ones, and errors that start soon."""
