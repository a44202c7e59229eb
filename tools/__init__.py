"""Programs for releases; nothing that runs imports them."""
