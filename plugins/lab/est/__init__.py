"""Simulate the EST server of a corporate PKI (RFC 7030), from the sources in docs/reference/est.md."""
