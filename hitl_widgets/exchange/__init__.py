"""Import and export of labels, in files of other tools and of our own, with a report of what each can't hold."""
