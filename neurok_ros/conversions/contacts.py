"""Contacts and actions to and from messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from geometry_msgs.msg import Point, Twist, Vector3
from std_msgs.msg import Header

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Contact, ImposedVelocity, Impulse, Push
from neurok_msgs.msg import Action as ActionMessage
from neurok_msgs.msg import Contact as ContactMessage
from neurok_msgs.msg import ContactArray as ContactArrayMessage
from neurok_msgs.msg import ImposedVelocity as ImposedVelocityMessage
from neurok_ros.conversions.arrays import three
from neurok_ros.conversions.transforms import RigidTransform

Made = TypeVar("Made")


def contact_from_message(message: Any, transform: RigidTransform, name: str) -> Push | Impulse:
    """Return the contact of a neurok_msgs/Contact in the object's frame.

    Args:
        message: the message.
        transform: from the message's frame to the object's.
        name: what to call the message in an error, for example ``"contacts[2]"``.

    Raises:
        NeurokError: ``INVALID_CONTACT``, naming the field.
    """
    point, force = transform.points(three(message.point)), transform.vectors(three(message.force))
    if not message.duration > 0.0:  # written so that NaN is refused too
        raise NeurokError(ErrorCode.INVALID_CONTACT, f"{name}.duration", message.duration, "more than 0 s")
    if message.mode == ContactMessage.SUSTAINED:
        return _named(name, lambda: Push(point, force, message.duration, message.start))
    if message.mode == ContactMessage.IMPULSE:
        return _named(name, lambda: Impulse(point, force * message.duration, message.start))
    raise NeurokError(
        ErrorCode.INVALID_CONTACT,
        f"{name}.mode",
        message.mode,
        f"SUSTAINED ({ContactMessage.SUSTAINED}) or IMPULSE ({ContactMessage.IMPULSE})",
    )


def imposed_velocity_from_message(message: Any, transform: RigidTransform, name: str) -> ImposedVelocity:
    """Return the grasp of a neurok_msgs/ImposedVelocity in the object's frame; see above.

    Raises:
        NeurokError: ``INVALID_CONTACT``, naming the field.
    """
    points = np.array([three(point) for point in message.points]).reshape(-1, 3)
    return _named(
        name,
        lambda: ImposedVelocity(
            transform.points(points),
            transform.vectors(three(message.twist.linear)),
            transform.vectors(three(message.twist.angular)),
            transform.points(three(message.reference)) if message.has_reference else None,
            message.duration,
            message.start,
        ),
    )


def action_from_message(message: Any, transform: RigidTransform, name: str = "action") -> list[Contact]:
    """Return all contacts of a neurok_msgs/Action, or of a ContactArray, in the object's frame.

    Args:
        message: the message.
        transform: from the message's frame to the object's.
        name: what to call the message in an error; empty where its contacts are the outermost field.

    Raises:
        NeurokError: ``INVALID_CONTACT``, naming the contact and its field.
    """
    prefix = f"{name}." if name else ""
    contacts: list[Contact] = [
        contact_from_message(contact, transform, f"{prefix}contacts[{index}]")
        for index, contact in enumerate(message.contacts)
    ]
    contacts += [
        imposed_velocity_from_message(imposed, transform, f"{prefix}imposed_velocities[{index}]")
        for index, imposed in enumerate(getattr(message, "imposed_velocities", ()))
    ]
    return contacts


def contact_to_message(contact: Push | Impulse) -> ContactMessage:
    """Return a neurok_msgs/Contact; an impulse is written as a force of one second."""
    is_push = isinstance(contact, Push)
    return ContactMessage(
        point=_filled(Point, contact.point),
        force=_filled(Vector3, contact.force if isinstance(contact, Push) else contact.impulse),
        start=float(contact.start),
        duration=float(contact.duration) if isinstance(contact, Push) else 1.0,
        mode=ContactMessage.SUSTAINED if is_push else ContactMessage.IMPULSE,
    )


def imposed_velocity_to_message(contact: ImposedVelocity) -> ImposedVelocityMessage:
    """Return a neurok_msgs/ImposedVelocity."""
    return ImposedVelocityMessage(
        points=[_filled(Point, point) for point in contact.points],
        twist=Twist(linear=_filled(Vector3, contact.linear), angular=_filled(Vector3, contact.angular)),
        reference=_filled(Point, contact.origin),
        has_reference=True,
        start=float(contact.start),
        duration=float(contact.duration),
    )


def action_to_message(contacts: Iterable[Contact]) -> ActionMessage:
    """Return a neurok_msgs/Action of any contacts."""
    action = ActionMessage()
    for contact in contacts:
        if isinstance(contact, ImposedVelocity):
            action.imposed_velocities.append(imposed_velocity_to_message(contact))
        else:
            action.contacts.append(contact_to_message(contact))
    return action


def contact_array(contacts: Sequence[Push | Impulse], header: Header | None = None) -> ContactArrayMessage:
    """Return a neurok_msgs/ContactArray."""
    return ContactArrayMessage(header=header or Header(), contacts=[contact_to_message(one) for one in contacts])


def _named(name: str, make: Callable[[], Made]) -> Made:
    """Make a contact; put the message's name before the field of an error."""
    try:
        return make()
    except NeurokError as error:
        raise NeurokError(error.code, f"{name}.{error.field}", error.value, error.allowed) from None


def _filled(kind: type[Made], values: Iterable[float]) -> Made:
    x, y, z = (float(value) for value in values)
    return kind(x=x, y=y, z=z)  # type: ignore[call-arg]
