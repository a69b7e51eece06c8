"""The published study's claims about its mistakes, as conditions on measured attributes.

Every claim is stated for any normal class, so that other studies can check the same claims. Where the study's words
leave room, the cut favours the claim, and `Condition.how` says how the words were read.
"""

from dataclasses import dataclass

MISSED = "missed"
ALARMS = "false_alarms"


@dataclass(frozen=True)
class Condition:
    """A condition that an image meets or not: an attribute beyond a cut.

    Attributes:
        id: Short name.
        statement: What is claimed, as a clause: "the object is red".
        kind: The images that meet it, as words behind "images": "with a red object".
        attribute: A column of `lib.data.attributes.measure`.
        cut: An image meets the condition strictly beyond it.
        how: How the claim's words were read.
        above: True if beyond means above, else below.
        colour: True if it has no meaning for images without colour.
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
    """A claim about what a group of mistakes has in common; several conditions hold together.

    Attributes:
        id: Short name.
        group: `missed` (anomalies that are not flagged) or `false_alarms` (normal images that are flagged).
        normal_class: The class whose images are normal.
        conditions: One or more.
    """

    id: str
    group: str
    normal_class: str
    conditions: tuple[Condition, ...]

    @property
    def statement(self) -> str:
        """What is claimed of an image: "the object is red and the object covers over half of the image"."""
        return " and ".join(condition.statement for condition in self.conditions)

    @property
    def kind(self) -> str:
        """The images that meet it, as words behind "images"."""
        return " and ".join(condition.kind for condition in self.conditions)

    @property
    def subject(self) -> str:
        """The images that the claim is about, with the name of the normal class."""
        if self.group == MISSED:
            return f"Missed anomalies (taken for class {self.normal_class})"
        return f"False alarms (images of class {self.normal_class})"

    @property
    def group_name(self) -> str:
        """Name of the group, in the plural."""
        return "missed anomalies" if self.group == MISSED else "false alarms"

    @property
    def others_name(self) -> str:
        """Name of the images that the group is compared with, in the plural."""
        return "detected anomalies" if self.group == MISSED else "normal images that are not flagged"


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
    "more than a tenth of the object's pixels are red, so a red part or stripe is enough",
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
    "more than half of the frame's lower third does not look like sky, so an object low over trees counts",
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
    """Return the study's claims, for any normal class.

    The study's other recommendations, a more complex model and a larger latent vector, are not claims about images;
    the scores of a single detector cannot check them.
    """
    conditions_by_claim = (
        ("background_colour", MISSED, (GREY_OR_BLUE,)),
        ("centred", MISSED, (CENTRED,)),
        ("mostly_background", MISSED, (MOSTLY_BACKGROUND,)),
        ("red_and_large", ALARMS, (RED, LARGE)),
        ("grounded_before_no_sky", ALARMS, (GROUNDED, NOT_SKY)),
    )
    return tuple(Claim(name, group, normal_class, conditions) for name, group, conditions in conditions_by_claim)
