"""What goes over HTTP: routes, bodies, errors, tokens, and the request that the steps hand on."""
