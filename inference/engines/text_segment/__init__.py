"""Segment by words, one idea a file: detectors, what fits the words, judging and cleaning masks, the search itself."""
