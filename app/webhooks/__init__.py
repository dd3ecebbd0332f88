"""Telling partners that something is new: messages, endpoints, deliveries, as Standard Webhooks has them."""
