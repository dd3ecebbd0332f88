"""What every answer has in common: headers, refusals, where a request may come from."""
