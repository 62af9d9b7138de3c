"""A folder of static pages on all that a store holds; statistics are the reporter's."""
