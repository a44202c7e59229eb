"""What we know about a device, and over which windows."""
