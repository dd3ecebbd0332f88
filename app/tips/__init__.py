"""Tips, channels, receipts, threads and dispositions."""
