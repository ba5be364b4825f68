"""What words named in pictures as files: masks, figures, one JSON a picture, COCO, a gallery."""
