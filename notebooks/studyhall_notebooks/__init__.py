"""What a lesson notebook is: reading, cells, releases, courses as files, and checks. Pure: nbformat only."""
