"""Ask a cluster's configuration by AXL."""
