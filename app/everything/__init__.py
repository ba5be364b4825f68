"""All objects of pictures as files: COCO with scores, coloured overlays, one file a mask, two models side by side."""
