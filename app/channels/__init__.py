"""The console page of channels: keys, quotas, volume, quality, pausing, voiding a bad backlog."""
