"""From probabilities to decisions: calibration, and the threshold above which an alarm is raised."""
