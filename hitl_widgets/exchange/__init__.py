"""Labels in and out: files of other tools and files of our own, with a report of what each can't hold."""
