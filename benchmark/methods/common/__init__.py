"""Code shared by several methods; none of it is a method."""
