"""Named so because pytest puts the folder above on the path, where `lexicon` would hide the library."""
