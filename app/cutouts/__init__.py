"""Cut-outs in batches, headless: what is asked, files that are written once, what a later run finds, reports. No Qt."""
