"""The numbers of a report: frames of scores, averages, statistics."""
