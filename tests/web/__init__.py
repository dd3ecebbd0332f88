"""The surface of the web process: headers, hosts, marks on pictures, what stands in logs."""
