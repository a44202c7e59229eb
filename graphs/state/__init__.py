"""What outlives a request: settings, journal, ledger, devices, batches, counters."""
