"""Upload a certificate with its private key on a box's web page: no API for that is known."""
