"""What the models decide themselves."""

from __future__ import annotations

from pydantic import TypeAdapter

from distrobuild.manifest import models, targets
from distrobuild.manifest.models import Manifest


def test_every_default_is_a_value_that_could_have_been_written() -> None:
    """Pydantic does not check defaults, and one that the file could not say would be a trap."""
    checked = [
        TypeAdapter(field.rebuild_annotation()).validate_python(field.get_default(call_default_factory=True))
        for model in [*vars(models).values(), *vars(targets).values()]
        if isinstance(model, type) and issubclass(model, models.Model)
        for field in model.model_fields.values()
        if not field.is_required()
    ]
    assert len(checked) > 20


def test_somebody_always_answers_for_the_packages() -> None:
    assert Manifest(name="acme", version="1").contact == "acme <maintainers@acme.invalid>"
    assert Manifest(name="acme", version="1", maintainer="Ada <ada@acme.org>").contact == "Ada <ada@acme.org>"
