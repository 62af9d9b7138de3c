"""What a table asks for: the declaration of a sweep file, and the runs that its axes span."""
