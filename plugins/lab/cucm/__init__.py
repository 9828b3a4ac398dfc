"""Simulate a CUCM cluster: REST certificate management, Control Center, replication, and what MRA needs of it.

Sources and certainty of each behaviour are in docs/reference/cucm.md.
"""
