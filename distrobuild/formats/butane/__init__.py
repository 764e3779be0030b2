"""Butane configs of variant `flatcar`, translated to Ignition."""

from distrobuild.formats.butane.excerpt import Style, render
from distrobuild.formats.butane.report import InvalidButane, Message, Severity
from distrobuild.formats.butane.translation import Translation, translate

__all__ = ["InvalidButane", "Message", "Severity", "Style", "Translation", "render", "translate"]
