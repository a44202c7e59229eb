"""One HTTP call: who may make it, how a handler sees it, which part of a list it asks for."""
