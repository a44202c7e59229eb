"""One live request, left to right: preprocess, route, join, watch for drift."""
