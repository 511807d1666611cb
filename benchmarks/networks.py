"""What is measured: networks of the examples, and others that people use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cnnc

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Subject:
    name: str
    model: str
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return HERE / self.model

    def load(self) -> cnnc.Network:
        return cnnc.load(self.path, sizes=self.sizes)


def _by_name(*subjects: Subject) -> dict[str, Subject]:
    return {subject.name: subject for subject in subjects}


# Measured unless others are named.
SUBJECTS = _by_name(
    Subject("digits", "../examples/digits.cnn"),
    Subject("LeNet-5", "../examples/lenet5.cnn"),
    Subject("AlexNet", "../examples/alexnet.cnn"),
    Subject("VGG-16", "../examples/vgg16.cnn"),
    Subject("ResNet-18", "../examples/resnet.cnn:ResNet18"),
    Subject("ResNet-50", "../examples/resnet.cnn:ResNet50"),
    Subject("MobileNetV2", "../examples/mobilenet.cnn"),
    Subject("DeepLabV3", "../examples/deeplab.cnn", {"H": 257, "W": 257}),
)
OTHERS = _by_name(
    Subject("SqueezeNet", "models/squeezenet.cnn"),
    Subject("GoogLeNet", "models/googlenet.cnn"),
    Subject("InceptionV3", "models/inception.cnn"),
    Subject("DenseNet-121", "models/densenet.cnn"),
    Subject("ResNeXt-50", "models/resnext.cnn"),
    Subject("RegNetX-400MF", "models/regnet.cnn:RegNetX400MF"),
    Subject("RegNetX-600MF", "models/regnet.cnn:RegNetX600MF"),
    Subject("ShuffleNetV2", "models/shufflenet.cnn"),
    Subject("MobileNetV3", "models/mobilenetv3.cnn"),
    Subject("EfficientNet-B0", "models/efficientnet.cnn"),
    Subject("ConvNeXt-T", "models/convnext.cnn"),
    Subject("YOLOv3-tiny", "models/yolo.cnn"),
    Subject("U-Net", "models/unet.cnn"),
    Subject("SRCNN", "models/restoring.cnn:SRCNN"),
    Subject("ESPCN", "models/restoring.cnn:ESPCN"),
    Subject("DnCNN", "models/restoring.cnn:DnCNN"),
    Subject("Style", "models/style.cnn"),
    Subject("ResNet-20", "models/small.cnn:ResNet20"),
    Subject("DQN", "models/small.cnn:DQN"),
    Subject("DCGAN", "models/small.cnn:Generator"),
)
ALL = SUBJECTS | OTHERS
