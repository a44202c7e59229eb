"""What all routes share: calls, answers, and the parts of a list that a query asks for."""
