"""Turn what boxes tell of the estate into entries of the site file, for a person to review.

sitefile    the text of entries, and of a whole first file
needs       which names a certificate needs, by what boxes tell
propose     compare a survey with what the file says: what to add, what to fill in, what a person decides
write       add it to the file's text, and change nothing that a person wrote
"""
