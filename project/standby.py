"""Whether a process waits beside an endpoint, with everything imported, to take over when that one dies."""

STANDBY = "NETOPS_STANDBY"
"""Variable of an endpoint that says so."""

ON, OFF = CHOICES = ("on", "off")
