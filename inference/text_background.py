"""What else a picture may show: the names that words are measured against when they are looked for. No torch.

A region fits "a dog" when it fits it better than all of these do. Names that would compete with the words themselves
("animal" looks for every animal) are left out for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

GROUPS: Mapping[str, tuple[str, ...]] = {
    "animal": (
        "cat", "dog", "horse", "cow", "sheep", "bird", "elephant", "bear", "zebra", "giraffe", "fish", "rabbit", "frog",
        "butterfly", "monkey", "duck",
    ),
    "person": ("person",),
    "vehicle": ("car", "truck", "bus", "train", "motorcycle", "bicycle", "airplane", "boat"),
    "fruit": ("apple", "banana", "orange", "strawberry"),
    "vegetable": ("broccoli", "carrot", "tomato"),
    "food": ("pizza", "cake", "sandwich", "bread", "salad", "meat", "soup"),
    "clothing": ("shirt", "pants", "dress", "coat", "shoe", "hat", "bag", "sunglasses", "skirt", "tie", "scarf"),
    "furniture": ("chair", "couch", "bed", "table", "cabinet", "shelf"),
    "electronics": ("television", "laptop", "keyboard", "cell phone", "lamp"),
    "tableware": ("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "plate"),
    "plant": ("tree", "grass", "flower", "potted plant", "leaf"),
    "": (
        "book", "clock", "vase", "umbrella", "ball", "toy", "sky", "water", "road", "wall", "floor", "building", "sand",
        "snow", "mountain", "fence", "window", "door", "curtain", "blanket", "hair", "hand", "face",
    ),
}  # fmt: skip

_KIND = {
    "person": ("man", "woman", "boy", "girl", "child", "people", "human", "lady", "guy", "kid", "baby"),
    "animal": ("pet",),
    "clothing": ("clothes", "garment", "outfit", "jacket", "suit", "blouse", "sweater", "jeans", "shoes", "boots"),
    "furniture": ("desk", "sofa", "armchair", "stool", "bench"),
    "food": ("meal", "dish", "fruit", "vegetable"),
    "vehicle": ("van", "taxi", "ship"),
}  # other words for a group or its members
_PARTS: Mapping[str, tuple[str, ...]] = {
    "person": ("hair", "hand", "face", *GROUPS["clothing"]),
    "clothing": ("person", "hair", "hand", "face"),
    "food": (*GROUPS["fruit"], *GROUPS["vegetable"], "plate", "bowl"),
    "plant": (),
}  # seen together with the group so often that they do not speak against it


def background(phrase: str, learned: Callable[[str], bool] = lambda _name: True) -> tuple[str, ...]:
    """The names a phrase is measured against.

    Args:
        phrase: what is looked for.
        learned: whether the model knows a name; what it does not know says nothing.
    """
    words = set(re.findall(r"\w+", phrase.casefold()))
    forms = words | {word[:-1] for word in words if word.endswith("s")}
    near: set[str] = set()
    for group, members in GROUPS.items():
        if group in forms or forms & set(_KIND.get(group, ())):
            near |= {*members, *_PARTS.get(group, ())}
    names = (name for members in GROUPS.values() for name in members)
    return tuple(name for name in names if name not in near and not set(name.split()) & forms and learned(name))
