"""Laws over several scales that drift along axes: what they share, and one file each."""
