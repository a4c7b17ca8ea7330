"""Import and export of labels, in other tools' formats and our own, with a report of what a format can't represent."""
