"""Fetch the private key of a CSR from a box's folder of certificates, over SFTP."""
