"""What users do with MLRun's client; each function answers with plain data for a test to look at."""
