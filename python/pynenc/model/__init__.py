"""What the engines keep and hand out: statuses, records, outcomes."""
