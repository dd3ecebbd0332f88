"""Open311 GeoReport v2: tips in the words that city services speak."""
