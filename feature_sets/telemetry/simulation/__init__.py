"""The parts of the simulated network: devices, noise, episodes."""
