"""Known networks, as `jt.applications`."""

from .vgg16 import VGG16 as VGG16
