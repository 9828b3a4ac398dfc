"""Drivers, authorities and the lab; each is a plugin of its own and knows no other."""
