"""What the published study says its mistakes share, as conditions on measured attributes.

The study looked at airplanes; every claim is stated for any normal class, so that other studies can ask the same.
Its words leave room. Where they do, the cut is lenient to the claim, and `Condition.how` says what was taken.
"""

from dataclasses import dataclass

MISSED = "missed"
ALARMS = "false_alarms"


@dataclass(frozen=True)
class Condition:
    """One thing that an image fulfils or not: an attribute beyond a cut.

    Attributes:
        id: short name.
        statement: what is claimed, as the rest of a sentence: "the object is red".
        kind: the images that fulfil it, as words behind "images": "with a red object".
        attribute: a column of `lib.data.attributes.measure`.
        cut: an image fulfils the condition strictly beyond it.
        how: what was taken for the claim's words.
        above: whether beyond is above; below otherwise.
        colour: whether it has no meaning for images without colour.
    """

    id: str
    statement: str
    kind: str
    attribute: str
    cut: float
    how: str
    above: bool = True
    colour: bool = False


@dataclass(frozen=True)
class Claim:
    """What a group of mistakes is said to share; with several conditions, all of them at once.

    Attributes:
        id: short name.
        group: `missed` (anomalies that pass) or `false_alarms` (normal images that are flagged).
        normal_class: the class whose images are normal.
        conditions: one or more.
    """

    id: str
    group: str
    normal_class: str
    conditions: tuple[Condition, ...]

    @property
    def statement(self) -> str:
        """What is claimed, without of whom: "the object is red and it covers over half of the image"."""
        return " and ".join(condition.statement for condition in self.conditions)

    @property
    def kind(self) -> str:
        """The images that fulfil it, as words behind "images"."""
        return " and ".join(condition.kind for condition in self.conditions)

    @property
    def subject(self) -> str:
        """Of whom it is claimed, with the name of the normal class."""
        if self.group == MISSED:
            return f"Anomalies taken for class {self.normal_class}"
        return f"Images of class {self.normal_class} taken for anomalies"


GREY_OR_BLUE = Condition(
    "grey_or_blue",
    "the background is grey or blue",
    "with a grey or blue background",
    "background_grey_or_blue",
    0.5,
    "more than half of the image's frame is grey or blue",
    colour=True,
)
CENTRED = Condition(
    "centred",
    "the object is in the centre",
    "with the object in the centre",
    "object_centring",
    0.75,
    "the object's centroid is less than a quarter of the way from the centre to a corner",
)
MOSTLY_BACKGROUND = Condition(
    "mostly_background",
    "most of the image is background",
    "that are mostly background",
    "background_share",
    0.5,
    "more than half of the pixels do not belong to the object",
)
RED = Condition(
    "red",
    "the object is red",
    "with a red object",
    "object_red",
    0.1,
    "more than a tenth of the object's pixels are red, which a red tail or stripe is enough for",
    colour=True,
)
LARGE = Condition(
    "large",
    "the object covers over half of the image",
    "with an object over half of the image",
    "object_area",
    0.5,
    "a box with the object's spread takes more than half of the image; gaps inside it count as covered",
)
GROUNDED = Condition(
    "grounded",
    "the object stands on the ground",
    "with ground below the object",
    "ground_share",
    0.5,
    "more than half of the frame's lower third does not look like sky; flying low over trees counts",
    colour=True,
)
NOT_SKY = Condition(
    "not_sky",
    "the background is not sky",
    "with another background than sky",
    "background_not_sky",
    0.5,
    "more than half of the image's frame does not look like sky",
    colour=True,
)


def published(normal_class: str) -> tuple[Claim, ...]:
    """List the study's claims, for any normal class.

    The study's further recommendations, a more complex model and a larger latent vector, are no claims about images;
    no score of a single detector can judge them.
    """
    listed = (
        ("background_colour", MISSED, (GREY_OR_BLUE,)),
        ("centred", MISSED, (CENTRED,)),
        ("mostly_background", MISSED, (MOSTLY_BACKGROUND,)),
        ("red_and_large", ALARMS, (RED, LARGE)),
        ("grounded_before_no_sky", ALARMS, (GROUNDED, NOT_SKY)),
    )
    return tuple(Claim(name, group, normal_class, conditions) for name, group, conditions in listed)
