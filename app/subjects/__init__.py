"""Subjects of pictures, headless: which pictures are meant, segmenting them, and the files that come out. No Qt."""
