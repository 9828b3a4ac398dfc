"""Examine a site: the file, plugins, home, people, boxes and the trust between them. Reads only, decides nothing.

findings    what a check says, and what to do about it
visit       look at a box: its ports, one login, what it holds
patient     everything that was looked at
checks      the table of checks; `examine` goes through it
inspect     tell what one box, or one port, shows
"""
